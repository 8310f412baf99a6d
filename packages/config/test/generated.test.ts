import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadClientSettings, readServerSettings, refuseUnbuilt, serverFlags, clientFlags } from "@smcp/config";
import { generatedFiles, SCHEMA_LINE } from "../dev/files.ts";
import { templatePath } from "../src/describe.ts";
import { readTree } from "../src/document.ts";
import { findField, shapesOf } from "../src/field.ts";
import { leavesOf, templateOf } from "../src/leaves.ts";
import type { Path } from "../src/problem.ts";
import { resolveReferences } from "../src/references.ts";
import { serverFile } from "../src/schema.ts";
import { failuresOf } from "./json-schema.ts";

const CONFIGS = join(import.meta.dirname, "../../../configs");
const read = (name: string): string => readFileSync(join(CONFIGS, name), "utf8");
const generated = generatedFiles();
const schema = JSON.parse(generated.get("smcp.schema.json") ?? "") as unknown;
const clientSchema = JSON.parse(generated.get("client.schema.json") ?? "") as unknown;
const example = generated.get("smcp.example.yaml") ?? "";
/** The example with everything in it. */
const uncommented = example.slice(SCHEMA_LINE.length).replaceAll(/^( *)# /gm, "$1");
const keys = leavesOf(serverFile, templateOf(serverFile)).map(({ path }) => path);

test.each([...generated])("configs/%s is as npm run generate makes it", (name, text) => {
  expect(read(name)).toBe(text);
});

test("every file in configs starts as it is, and tells editors its schema", () => {
  const names = readdirSync(CONFIGS).filter((name) => /\.ya?ml$/.test(name));
  expect(names.toSorted()).toEqual(["proxy-client.yml", "proxy-server.yml", "smcp.example.yaml", "smcp.yaml"]);
  for (const name of names) {
    const text = read(name);
    if (name === "proxy-client.yml") {
      expect(text.startsWith(SCHEMA_LINE.replace("smcp", "client"))).toBe(true);
      expect(failuresOf(clientSchema, readTree(text, name).root)).toEqual([]);
      expect(() => loadClientSettings({ flags: {}, env: {}, cwd: "/", file: join(CONFIGS, name) })).not.toThrow();
      continue;
    }
    expect(text.startsWith(SCHEMA_LINE)).toBe(true);
    const { unbuilt, settings } = readServerSettings(text, { path: name, env: {}, cwd: "/" });
    refuseUnbuilt(unbuilt, name);
    expect(settings.backends.length).toBeGreaterThan(0);
  }
});

describe("the commented example", () => {
  const { root, places, problems } = readTree(uncommented, "smcp.example.yaml");

  test("has every key", () => {
    const there = leavesOf(serverFile, root).map(({ path }) =>
      templatePath(path.map((part, i) => anyName(path, part, i))),
    );
    expect(there).toEqual(expect.arrayContaining(keys.map(templatePath)));
  });

  test("is right by the server's own schema with every key in it", () => {
    expect(problems).toEqual([]);
    const names = [...uncommented.matchAll(/\$\{(?:env:)?(\w+)\}/g)].map(([, name = ""]) => name);
    const env = Object.fromEntries(names.map((name) => [name, "0123456789abcdef"]));
    const resolved = resolveReferences(root, places, { env, cwd: "/" });
    expect(resolved.problems).toEqual([]);
    expect(serverFile.safeParse(resolved.root).error?.issues ?? []).toEqual([]);
  });

  test("is right by the JSON Schema with every key in it", () => {
    expect(failuresOf(schema, root)).toEqual([]);
  });
});

/** The name of a key; of a map's member the one that stands for any. */
function anyName(path: Path, part: string | number, i: number): string | number {
  const around = findField(serverFile, path.slice(0, i));
  const isMember = around && shapesOf(around).includes("map") && !shapesOf(around).includes("object");
  if (typeof part === "number") return 0;
  return isMember ? "<name>" : part;
}

describe("the JSON Schema", () => {
  test.each([
    ["server: { prot: 1 }", [".server.prot is not wanted"]],
    ["server: { port: 70000 }", [".server.port fits none of 2"]],
    ["server: { port: high }", [".server.port fits none of 2"]],
    ["server: { read_timeout: soon }", [".server.read_timeout fits none of 3"]],
    ["server: { max_body: 4XB }", [".server.max_body fits none of 3"]],
    ["auth: { mode: odic }", [".auth.mode fits none of 2"]],
    ["mcp: { backends: [{ id: a }] }", [".mcp.backends[0].path is missing"]],
    ["metrics: { enabled: maybe }", [".metrics.enabled fits none of 2"]],
    ["api_keys: [{ key: hunter2-hunter2-hunter2 }]", [".api_keys[0].name is missing"]],
  ])("refuses %s", (text, failures) => {
    expect(failuresOf(schema, readTree(text, "smcp.yaml").root)).toEqual(failures);
  });

  test.each([
    "server: { port: '${env:PORT}', read_timeout: 30, max_body: 65536, public_url: '' }",
    "auth: { mode: '${MODE}' }",
    "oidc: { issuers: [https://a.example, { issuer: https://b.example, audience: api }], audience: [a, b] }",
    "servers: { a: { command: npx, args: [-y, 1, true], env: { N: 1 } } }",
    "oidc: { required_claims: { a: b, c: [d, 1], e: { any: [x] } } }",
    "roles: { eng: { allow: ['*', { tools: [a], when: b }] } }",
  ])("takes %s", (text) => {
    expect(failuresOf(schema, readTree(text, "smcp.yaml").root)).toEqual([]);
  });

  test.each([
    ["prot: 1", [".prot is not wanted"]],
    ["port: 70000", [".port fits none of 2"]],
    ["oidc_flow: brwser", [".oidc_flow fits none of 2"]],
    ["{ port: 1, server_url: '${env:URL}', oidc_scopes: [openid], open: false, read_timeout: 1m }", []],
  ])("of the client judges %s", (text, failures) => {
    expect(failuresOf(clientSchema, readTree(text, "client.yaml").root)).toEqual(failures);
  });

  test("says what a key is for, its default and examples", () => {
    const server = (schema as { properties: { server: { properties: Record<string, unknown> } } }).properties.server;
    expect(server.properties["read_timeout"]).toMatchObject({
      description:
        "How long a request may take to arrive. Takes a duration such as 30s, 1h30m or 500ms, longer than nothing. " +
        "A bare number counts seconds.",
      default: "30s",
    });
    expect(server.properties["host"]).toMatchObject({ examples: ["127.0.0.1"] });
  });
});

describe("the reference", () => {
  const page = generated.get("README.md") ?? "";

  test("has every key of the server's file, with words", () => {
    for (const path of keys) expect(page).toContain(`| \`${templatePath(path)}\` | `);
    expect(page).not.toMatch(/^\| `[^`]+` \|[^|]*\|[^|]*\|\s*\|$/m);
  });

  test("has every flag and variable of server and client", () => {
    for (const { name } of [...serverFlags, ...clientFlags]) expect(page).toContain(`| \`--${name}\``);
    for (const { name, variables = [] } of clientFlags) {
      for (const one of [`SMCP_CLIENT_${name.replaceAll("-", "_").toUpperCase()}`, ...variables]) {
        expect(page).toContain(`\`${one}\``);
      }
    }
    for (const one of ["SMCP_PROXY_CONFIG", "SMCP_PROXY_LOG_LEVEL", "SMCP_PROXY_LOG_FORMAT"]) {
      expect(page).toContain(`\`${one}\``);
    }
  });
});
