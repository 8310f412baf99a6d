/** The page about identity providers: every file on it is right, every command line is understood, every place exists. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { clientFlags, loadClientSettings, loadServerSettings } from "@smcp/config";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseFlags } from "../src/parse.ts";
import { Folder } from "./program.ts";

const file = fileURLToPath(new URL("../../../configs/providers.md", import.meta.url));
const page = await readFile(file, "utf8");
const blocksOf = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(([, text = ""]) => text.trim());

const slug = (title = ""): string => title.toLowerCase().replaceAll(" ", "-");

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => folder[Symbol.dispose]());

const yaml = blocksOf("yaml");
const issuerIn = (text: string): string => /https:\/\/[^\s"\]]+/.exec(text)?.[0] ?? "";

describe.each(yaml.map((text) => [issuerIn(text), text]))("the server's file for %s", (issuer, text) => {
  test("is right, asks for nothing that is not built, and requires a sign-in there", () => {
    const path = folder.write("smcp.yaml", text);
    const { settings, unbuilt } = loadServerSettings({ path, env: {}, cwd: folder.path, flags: {} });
    expect(unbuilt).toEqual([]);
    expect(settings.auth.mode).toBe("oidc");
    expect(settings.issuers.map((one) => one.issuer)).toEqual([issuer]);
    expect(settings.issuers[0]?.audiences).not.toEqual([]);
  });
});

const lines = blocksOf("sh").flatMap((block) => block.split("\n"));

test.each(lines)("is understood: %s", async (line) => {
  const [program, command, ...args] = line.split(" ");
  expect([program, command]).toEqual(["smcp", "client"]);
  // Files of the line exist here under another name.
  const secret = folder.write("secret", "something");
  const here = args.map((one, i) => (args[i - 1]?.endsWith("-file") === true ? secret : one));
  const parsed = await parseFlags({ command: "smcp client", description: "", flags: clientFlags }, here, 80);
  const { warnings } = loadClientSettings({ flags: "flags" in parsed ? parsed.flags : {}, env: {}, cwd: folder.path });
  expect(warnings).toEqual([]);
});

test("has enough on it to be worth testing", () => {
  expect([yaml.length, lines.length]).toEqual([7, 8]);
});

test("its links lead somewhere, and so does the README's to it", async () => {
  const links = [...page.matchAll(/\]\(([^)#]+)\)/g)].map(([, to = ""]) => join(dirname(file), to));
  expect(links.filter((one) => !existsSync(one))).toEqual([]);
  const titles = new Set([...page.matchAll(/^##? (.+)$/gm)].map(([, title]) => slug(title)));
  const anchors = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, to = ""]) => to);
  expect(anchors.filter((one) => !titles.has(one))).toEqual([]);
  const readme = await readFile(fileURLToPath(new URL("../../../README.md", import.meta.url)), "utf8");
  expect(readme).toContain("](configs/providers.md)");
});
