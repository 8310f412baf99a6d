/**
 * `npm run fuzz`: looks for inputs that one of our parsers reads otherwise than its model does.
 *
 *   npm run fuzz -- --minutes 10 --only sse,lines --seed 42
 *
 * What it finds is added to the parser's corpus, which every test run replays, and printed with its seed; exit 1.
 */
import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { corpusFile, readCorpus } from "./fuzzed.ts";
import { parsers } from "./parsers.ts";

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, only: { type: "string" }, seed: { type: "string" } },
});
const wanted = parsers.filter(({ name }) => !values.only || values.only.split(",").includes(name));
const total = Number(values.minutes) * 60_000;
if (wanted.length === 0 || !(total > 0)) {
  process.stderr.write(
    `fuzz: nothing to do\n  hint: --minutes N, --only ${parsers.map(({ name }) => name).join(",")}\n`,
  );
  process.exit(2);
}

let failed = 0;
for (const parser of wanted) {
  for (const { why, input } of readCorpus(parser.name)) {
    await parser.replay(input).catch((error: unknown) => {
      failed++;
      process.stdout.write(`${parser.name}: failed on "${why}"\n${String(error)}\n`);
    });
  }
  const found = await parser.search(total / wanted.length, values.seed === undefined ? undefined : Number(values.seed));
  if (found) {
    failed++;
    const kept = { why: found.why.slice(0, 200), input: found.input };
    appendFileSync(corpusFile(parser.name), `${JSON.stringify(kept)}\n`);
    process.stdout.write(`${parser.name}: failed after ${found.runs} inputs\n${found.report}\n`);
  } else process.stdout.write(`${parser.name}: nothing found in ${Math.round(total / wanted.length / 1_000)} s\n`);
}
process.exit(failed > 0 ? 1 : 0);
