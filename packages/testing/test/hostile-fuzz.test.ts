/** Our own parsers beside their models: the kept inputs, always; made-up ones for a while. `npm run fuzz` does it for long. */
import { afterAll, describe, expect, it } from "vitest";

import { readCorpus } from "../fuzz/fuzzed.ts";
import { closeHouse } from "../fuzz/parsers/http.ts";
import { parsers } from "../fuzz/parsers.ts";

/** In CI about a minute altogether; at hand enough to catch what is plainly wrong. */
const MS = process.env["CI"] ? 7_000 : 600;

afterAll(closeHouse);

describe.each(parsers)("$name", (parser) => {
  const kept = readCorpus(parser.name);

  it("agrees with its model on every kept input", async () => {
    expect(kept.length).toBeGreaterThan(0);
    const differing: string[] = [];
    for (const { why, input } of kept) {
      await parser.replay(input).catch((error: unknown) => differing.push(`${why}: ${String(error)}`));
    }
    expect(differing).toEqual([]);
  });

  it("agrees with its model on inputs that nobody thought of", async () => {
    expect((await parser.search(MS, undefined))?.report).toBeUndefined();
  }, 60_000);
});
