import { mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { startClient, type Client } from "../src/index.ts";
import { startBackend, type Answer, type Backend } from "./backend.ts";
import { keepLog, type KeptLog } from "./log.ts";
import { settingsFor } from "./settings.ts";
import { post, type Spoken } from "./speak.ts";

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';

interface Setup {
  readonly client: Client;
  readonly backend: Backend;
  readonly log: KeptLog;
  readonly file: string;
}

/** A server that takes the tokens `good…`. */
const judging: Answer = ({ headers, body }, response) => {
  if (headers["authorization"]?.startsWith("Bearer good")) response.writeHead(200).end(body);
  else response.writeHead(401, { "www-authenticate": 'Bearer error="invalid_token"' }).end();
};

async function start(text: string | undefined, answer = judging): Promise<Setup> {
  const folder = mkdtempSync(join(tmpdir(), "smcp-token-"));
  const file = join(folder, "token");
  if (text !== undefined) writeFileSync(file, text);
  const backend = await startBackend(answer);
  const log = keepLog();
  const client = await startClient(settingsFor(backend.url, { authMode: "auto", tokenFile: file }), log);
  onTestFinished(async () => {
    await client.close();
    await backend[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  return { client, backend, log, file };
}

const call = ({ client }: Setup): Promise<Spoken> => post(client.url, "/v1/docs", CALL);
const sent = ({ backend }: Setup): unknown[] => backend.seen.map(({ headers }) => headers["authorization"]);

function expectRefusal(answer: Spoken, message: string): void {
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 40102, message } });
  expect(answer.headers["www-authenticate"]).toBeUndefined();
}

test("the token is sent as it stands there, without a metadata request, and read again when it changes", async () => {
  const setup = await start("good-1\n");
  expect(await call(setup)).toMatchObject({ status: 200, body: CALL });
  // Replaced as programs do it: by another file of the same name.
  writeFileSync(`${setup.file}.new`, "good-2\n");
  renameSync(`${setup.file}.new`, setup.file);
  await expect
    .poll(
      async () => {
        await call(setup);
        return sent(setup).at(-1);
      },
      { timeout: 5_000 },
    )
    .toBe("Bearer good-2");
  expect(new Set(setup.backend.seen.map(({ url }) => url))).toEqual(new Set(["/v1/docs"]));
});

test("a 401 is one look at the file and one replay where it changed", async () => {
  const setup = await start("good-1");
  await call(setup);
  writeFileSync(setup.file, "good-2");
  setup.backend.answer = (request, response, incoming) => {
    if (request.headers["authorization"] === "Bearer good-1") response.writeHead(401).end();
    else judging(request, response, incoming);
  };
  expect(await call(setup)).toMatchObject({ status: 200, body: CALL });
  expect(sent(setup)).toEqual(["Bearer good-1", "Bearer good-1", "Bearer good-2"]);
});

test("a token that is refused is 40102 with the file's name, and tried again when asked", async () => {
  const setup = await start("bad-1");
  const { host } = setup.backend;
  const hint = `put another one into "${setup.file}"`;
  expectRefusal(await call(setup), `the smcp server at ${host} refused the token in "${setup.file}": ${hint}`);
  expect(sent(setup)).toEqual(["Bearer bad-1"]);
  writeFileSync(setup.file, "bad-2");
  setup.backend.seen.length = 0;
  expectRefusal(await call(setup), `the smcp server at ${host} refused the new token too (invalid_token): ${hint}`);
  expect(sent(setup)).toEqual(["Bearer bad-1", "Bearer bad-2"]);
  writeFileSync(setup.file, "good");
  expect((await call(setup)).status).toBe(200);
  expect(setup.log.lines.join("\n")).not.toMatch(/bad-\d/);
});

test("a scope that is missing is told with the file's name", async () => {
  const setup = await start("good", (_, response) => {
    response.writeHead(403, { "www-authenticate": 'Bearer error="insufficient_scope", scope="mcp:write"' }).end();
  });
  expectRefusal(
    await call(setup),
    `the smcp server at ${setup.backend.host} refused the sign-in: the token lacks the scope "mcp:write"; put another one into "${setup.file}"`,
  );
  expect(sent(setup)).toHaveLength(1);
});

test.each([
  [undefined, 'the token file "FILE" cannot be read (ENOENT)'],
  ["\n", 'the token file "FILE" is empty'],
  ["two\nlines", 'the token file "FILE" does not hold one line of visible ASCII characters'],
  ["not ascii: é", 'the token file "FILE" does not hold one line of visible ASCII characters'],
  ["x".repeat(70_000), 'the token file "FILE" is larger than 64KiB'],
])("a file that is no token is 40102 and the server sees nothing (%#)", async (text, message) => {
  const setup = await start(text);
  expectRefusal(await call(setup), message.replace("FILE", setup.file));
  expect(setup.backend.seen).toEqual([]);
  writeFileSync(setup.file, "good");
  expect((await call(setup)).status).toBe(200);
});

test("while the file is away the token that was read stays in use", async () => {
  const setup = await start("good");
  await call(setup);
  unlinkSync(setup.file);
  await expect
    .poll(
      async () => {
        expect((await call(setup)).status).toBe(200);
        return setup.log.lines.join("\n");
      },
      { timeout: 5_000 },
    )
    .toContain("the token is not read again: the one before is used");
});
