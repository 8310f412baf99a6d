/** Every attack that can be made today is named by the title of a test. */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect, it } from "vitest";

import { attackRows } from "../hostile/rows.ts";

const packages = fileURLToPath(new URL("../..", import.meta.url));
// Ids stand in front: `H7: …`, `J4, H6: …`.
const TITLE = /["'`]((?:[HJL]\d{1,2}(?:, )?)+):/g;

/** Row ids that titles name, with the files of those titles. */
function namedRows(): Map<string, string[]> {
  const named = new Map<string, string[]>();
  for (const file of globSync(["*/test/**/*.test.ts", "testing/hostile/families/*.ts"], { cwd: packages })) {
    for (const [, ids = ""] of readFileSync(`${packages}${file}`, "utf8").matchAll(TITLE)) {
      for (const id of ids.split(", ")) named.set(id, [...(named.get(id) ?? []), file]);
    }
  }
  return named;
}

it("is the subject of a test, unless it waits for something that is not built", () => {
  const named = namedRows();
  const missing = Object.entries(attackRows).filter(([id, { later }]) => later === undefined && !named.has(id));
  expect(missing.map(([id, { attack }]) => `${id}: ${attack}`)).toEqual([]);
});

it("is a row of the table", () => {
  const strangers = [...namedRows()].filter(([id]) => !Object.hasOwn(attackRows, id));
  expect(strangers).toEqual([]);
});
