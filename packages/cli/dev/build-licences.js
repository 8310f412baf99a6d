// The licences of the packages that a bundle holds, as their own terms ask for: one text file beside it.
import { readdir, readFile, writeFile } from "node:fs/promises";

/**
 * Writes the licences of the packages that some modules are from.
 *
 * @param {string} file where to
 * @param {readonly string[]} modules ids of rolldown
 */
export async function writeLicences(file, modules) {
  const folders = new Set(modules.flatMap((id) => packageFolder(id) ?? []));
  const parts = await Promise.all([...folders].map(licenceOf));
  const sorted = parts.toSorted((one, other) => (one.title < other.title ? -1 : 1));
  const text = sorted.map(({ title, text }) => `${"=".repeat(80)}\n${title}\n${"=".repeat(80)}\n\n${text.trim()}\n`);
  await writeFile(file, `smcp holds parts of the following packages.\n\n${text.join("\n")}`);
}

/** @param {string} id */
function packageFolder(id) {
  return /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
}

/** @param {string} folder */
async function licenceOf(folder) {
  const { name, version, license, author } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
  if (typeof license !== "string") throw new Error(`the bundled package ${name} names no licence`);
  const files = (await readdir(folder)).filter((one) => /^(licen[cs]e|copying|notice)/i.test(one)).toSorted();
  const texts = await Promise.all(files.map((one) => readFile(`${folder}/${one}`, "utf8")));
  const by = typeof author === "string" ? author : (author?.name ?? "its authors");
  return { title: `${name} ${version} (${license})`, text: texts.join("\n\n") || `By ${by}, under ${license}.` };
}
