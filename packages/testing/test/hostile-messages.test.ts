/** Messages that two readers would read in two ways, or that only mean to cost: through the real listener, before a backend. */
import { Pool } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { httpBackend, recordingBackend, startTestServer, type RecordingBackend, type TestServer } from "@smcp/testing";

let backend: RecordingBackend;
let server: TestServer;
let pool: Pool;
beforeAll(async () => {
  backend = await recordingBackend((_, response) => {
    response.setHeader("content-type", "application/json").end('{"jsonrpc":"2.0","id":1,"result":{}}');
  });
  server = await startTestServer({ backends: [httpBackend("docs", backend.url)] });
  pool = new Pool(server.url, { connections: 1 });
});
afterAll(async () => {
  await pool.destroy();
  await server[Symbol.asyncDispose]();
  await backend[Symbol.asyncDispose]();
});

const JSON_TYPE = { "content-type": "application/json" };

async function post(body: string | Buffer) {
  const answer = await pool.request({ method: "POST", path: "/docs", headers: JSON_TYPE, body });
  return { status: answer.statusCode, id: answer.headers["x-request-id"], text: await answer.body.text() };
}

/** Asserts the whole answer, that the backend saw nothing, and that the server lives. */
async function expectRefused(body: string | Buffer, code: number, message: string, id?: unknown): Promise<void> {
  const before = backend.seen.length;
  const answer = await post(body);
  expect([answer.status, JSON.parse(answer.text)]).toEqual([
    400,
    {
      jsonrpc: "2.0",
      ...(id !== undefined && { id }),
      error: { code, message, data: { request_id: answer.id } },
    },
  ]);
  expect(backend.seen.length).toBe(before);
  const health = await pool.request({ method: "GET", path: "/health" });
  expect([health.statusCode, await health.body.text()]).toEqual([200, "OK"]);
}

/** Asserts that the bytes arrived at the backend as they were sent. */
async function expectPassed(body: string): Promise<void> {
  expect((await post(body)).status).toBe(200);
  expect(backend.seen.at(-1)?.body).toBe(body);
}

const twoWays = (rule: string): string => `the message can be read in two ways: ${rule}`;
const invalid = (rule: string): string => `not one JSON-RPC 2.0 message: ${rule}`;
const call = (params: string): string => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`;
const args = (value: string): string => call(`{"name":"read","arguments":${value}}`);

describe("J1: a member that stands twice in one object", () => {
  it.each([
    ['{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}', "jsonrpc"],
    ['{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', "id"],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', "method"],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"},"params":{"name":"delete"}}', "params"],
    ['{"jsonrpc":"2.0","id":1,"result":{},"result":{}}', "result"],
    [call('{"name":"read","name":"delete"}'), "name"],
    [call('{"name":"read","\\u006eame":"delete"}'), "name"],
    [call('{"\\u006Eame":"read","na\\u006de":"delete"}'), "name"],
    [call('{"name":"read","_meta":{"progressToken":1,"progressToken":2}}'), "progressToken"],
    [call('{"name":"read","arguments":{},"arguments":{"all":true}}'), "arguments"],
    [args('{"path":"/a","path":"/b"}'), "path"],
    [args('{"a":[{"b":[[{"c":1,"c":1}]]}]}'), "c"],
    [args('{"":1,"":2}'), ""],
    [args('{"__proto__":1,"__proto__":2}'), "__proto__"],
    [args('{"\\ud83d\\ude00":1,"😀":2}'), "😀"],
    [args(`{${Array.from({ length: 40 }, (_, i) => `"m${i}":0`).join(",")},"m0":1}`), "m0"],
  ])("%.90s", async (body, name) => {
    await expectRefused(body, 40001, twoWays(`the member ${JSON.stringify(name)} stands twice in one object`));
  });
});

describe("J2: a member that some readers take for one of the protocol's", () => {
  it.each([
    ['{"jsonrpc":"2.0","id":1,"Method":"tools/call"}', "Method", "method"],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call"}', "METHOD", "method"],
    ['{"JSONRPC":"2.0","id":1,"method":"ping"}', "JSONRPC", "jsonrpc"],
    ['{"j\\u017fonrpc":"2.0","id":1,"method":"ping"}', "j\u017fonrpc", "jsonrpc"],
    ['{"jsonrpc":"2.0","iD":1,"method":"ping"}', "iD", "id"],
    ['{"jsonrpc":"2.0","\\u0131d":1,"id":2,"method":"ping"}', "\u0131d", "id"],
    ['{"jsonrpc":"2.0","\\u0130D":1,"id":2,"method":"ping"}', "\u0130D", "id"],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","PARAMS":{"name":"delete"}}', "PARAMS", "params"],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","paramſ":{"name":"delete"}}', "param\u017f", "params"],
    [call('{"name":"read","Name":"delete"}'), "Name", "name"],
    [call('{"name":"read","na\\u0000me":"delete"}'), "na\0me", "name"],
    [call('{"name":"read","name\\u0000":"delete"}'), "name\0", "name"],
    [call('{"name":"read","name\\u0000x":"delete"}'), "name\0x", "name"],
    [call('{"ta\\u017f\\u212aId":"a"}'), "ta\u017f\u212aId", "taskId"],
    [call('{"name":"read","Arguments":{}}'), "Arguments", "arguments"],
    [call('{"name":"read","_META":{}}'), "_META", "_meta"],
    [call('{"name":"read","reque\\ufb06Id":1}'), "reque\ufb06Id", "requestId"],
    [call('{"name":"read","_meta":{"progre\\u00dfToken":1}}'), "progre\u00dfToken", "progressToken"],
    [call('{"name":"read","_meta":{"PROGRESSTOKEN":1}}'), "PROGRESSTOKEN", "progressToken"],
    [
      call('{"name":"read","_meta":{"IO.modelcontextprotocol/protocolVersion":"2026-07-28"}}'),
      "IO.modelcontextprotocol/protocolVersion",
      "io.modelcontextprotocol/protocolVersion",
    ],
  ])("%.90s", async (body, name, meant) => {
    await expectRefused(body, 40001, twoWays(`the member ${JSON.stringify(name)} is nearly ${JSON.stringify(meant)}`));
  });

  it.each([
    args('{"Method":1,"PARAMS":2,"param\u017f":3,"ID":4,"Name":5,"_META":6,"\u0131d":7,"na\\u0000me":8}'),
    call('{"name":"read","_meta":{"Name":1,"METHOD":2,"example.com/Id":3}}'),
    call('{"name":"read","Method":1}'),
    '{"jsonrpc":"2.0","id":1,"method":"ping","Name":"x","_META":{}}',
    args('{"n\u0430me":1,"name\u200b":2,"\uff4eame":3}'),
    call('{"name":"read","n\u0430me":"x","name ":"y"}'),
  ])("but not where it means nothing to the protocol: %s", expectPassed);
});

describe("J3: a batch, whatever is in it", () => {
  const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  const refusal = invalid("a batch is not accepted, send its messages one by one");
  it.each([
    "[]",
    " [ ] ",
    `[${ping}]`,
    `[${ping},${call('{"name":"delete"}')}]`,
    `[[${ping}]]`,
    "[1,null]",
    `[${Array.from({ length: 101 }, () => ping).join(",")}]`,
  ])("%.60s", (body) => expectRefused(body, -32600, refusal));

  it.each(["1", '"a"', "null", "true", "-0"])("a message that is %s", (body) =>
    expectRefused(body, -32600, invalid("it must be an object")),
  );
});

describe("J5: the name of a tool reaches the backend character for character, never normalised", () => {
  it.each([
    "re\u0430d",
    "\uff52ead",
    "re\u0301ad",
    "r\u00e9ad",
    "read\u200b",
    "\u202edaer",
    "read ",
    " read",
    "read\\n",
    "READ",
    "re\\u0061d",
    "",
    "a".repeat(129),
    "docs:read",
    "../read",
    "read\\u0000",
    "😀",
  ])("%j", (name) => expectPassed(call(`{"name":"${name}"}`)));

  it.each(["1", "null", "{}", '["read"]', "true"])("and is a text: %s is refused", (name) =>
    expectRefused(call(`{"name":${name}}`), -32600, invalid('"params.name" must be a string'), 1),
  );
});

const deep = (depth: number, open = "[", close = "]"): string => open.repeat(depth) + close.repeat(depth);
const TOO_DEEP = twoWays("nested deeper than 64");

describe("J8: nesting", () => {
  it("of 64 levels passes", () => expectPassed(args(deep(62))));

  it.each<[title: string, body: string]>([
    ["65 levels", args(deep(63))],
    ["65 levels of objects", args('{"a":'.repeat(63) + "1" + "}".repeat(63))],
    ["10,000 levels", args(deep(10_000))],
    ["10,000 levels of objects", args('{"a":'.repeat(10_000) + "1" + "}".repeat(10_000))],
    ["1,000,000 levels", args(deep(1_000_000))],
    ["1,000,000 levels that are not closed", "[".repeat(1_000_000)],
    ["300,000 levels of params", '{"params":'.repeat(300_000)],
  ])("of %s is refused", (_, body) => expectRefused(body, 40001, TOO_DEEP));
});

/** Texts that V8 once gave one hash: array indices, whose hash is their value and their length. */
const members = (count: number, name: (i: number) => string): string =>
  args(`{${Array.from({ length: count }, (_, i) => `"${name(i)}":0`).join(",")}}`);
const TOO_MANY = twoWays("more than 100000 members");

describe("J9: members", () => {
  it("up to 100,000 pass", () => expectPassed(members(99_994, (i) => `m${i}`)));

  it.each<[title: string, body: string]>([
    ["100,001", members(99_996, (i) => `m${i}`)],
    ["250,000", members(250_000, (i) => i.toString(36))],
    ["200,000 that look like places in an array", members(200_000, (i) => String(i * 8))],
    ["200,000 that are as long and as large as another", members(200_000, (i) => String(4_294_967_296 + i * 65_536))],
    ["300,000 in as many objects", args(`[${Array.from({ length: 300_000 }, () => '{"a":0}').join(",")}]`)],
  ])("%s are refused", (_, body) => expectRefused(body, 40001, TOO_MANY));

  it("more than fit are refused by the size of the body", async () => {
    const before = backend.seen.length;
    const answer = await post(members(1_000_000, (i) => `m${i}`)).catch(() => undefined);
    // The answer comes while the upload is under way: who does not read meanwhile only sees the connection end.
    expect(answer?.status ?? 413).toBe(413);
    expect(backend.seen.length).toBe(before);
  });
});

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");
const NOT_UTF8 = twoWays("the body is not UTF-8");

describe("J11: a text that is not UTF-8, or hides something in front of it or in a name", () => {
  it.each<[title: string, body: Buffer]>([
    ["a byte that is none", latin1(args('"\xff"'))],
    ["Latin-1", latin1(args('"\xe9"'))],
    ["a character that is cut off", latin1(args('"\xe2\x82"'))],
    ["an over-long slash", latin1(args('"\xc0\xaf"'))],
    ["an over-long quote, which ends a string for some", latin1(args('"\xc0\xa2,"x":"\xc0\xa2"'))],
    ["half a pair, encoded", latin1(args('"\xed\xa0\x80"'))],
    ["a pair, each half encoded", latin1(args('"\xed\xa0\xbd\xed\xb8\x80"'))],
    ["beyond the last character", latin1(args('"\xf4\x90\x80\x80"'))],
    ["five bytes", latin1(args('"\xf8\x88\x80\x80\x80"'))],
    ["UTF-16 with its mark", Buffer.concat([latin1("\xff\xfe"), Buffer.from(PING, "utf16le")])],
    ["UTF-16 with its mark, swapped", Buffer.concat([latin1("\xfe\xff"), Buffer.from(PING, "utf16le").swap16()])],
    ["compressed", latin1("\x1f\x8b\x08\0\0\0\0\0")],
  ])("%s", (_, body) => expectRefused(body, 40001, NOT_UTF8));

  it("a byte order mark", () =>
    expectRefused(`\ufeff${PING}`, 40001, twoWays("the body begins with a byte order mark")));

  it.each([
    ["UTF-16 without a mark", Buffer.from(PING, "utf16le")],
    [
      "UTF-32",
      latin1(
        PING.split("")
          .map((one) => `${one}\0\0\0`)
          .join(""),
      ),
    ],
    ["a byte order mark at the end", Buffer.from(`${PING}\ufeff`)],
    ["a no-break space", Buffer.from(`${PING}\u00a0`)],
    ["a NUL at the end", latin1(`${PING}\0`)],
    ["a second message", latin1(`${PING}${PING}`)],
    ["a second message on a line of its own", latin1(`${PING}\n${PING}`)],
    ["a comment", latin1(`${PING}//x`)],
    ["a prefix against scripts", latin1(`)]}'\n${PING}`)],
  ])("%s", (_, body) => expectRefused(body, -32700, "the body is not JSON"));

  it("half a pair in a member's name", () =>
    expectRefused(args('{"a\\ud800":1}'), 40001, twoWays("a member name holds half of a surrogate pair")));

  it.each<[body: string, rule: string]>([
    ['{"jsonrpc":"2.0","id":1,"method":"ping\\ud800"}', '"method" must be a string'],
    [call('{"name":"read\\udc00"}'), '"params.name" must be a string'],
    [
      '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"x:\\ud800y"}}',
      '"params.uri" must be a string',
    ],
  ])("half a pair where a decision is made: %s", (body, rule) => expectRefused(body, -32600, invalid(rule), 1));

  it("half a pair in somebody's data passes as it is", () =>
    expectPassed(args('{"text":"\\ud800","more":["\\udc00x"]}')));
});

describe("J12: names that every object has", () => {
  it.each([
    args('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
    call('{"name":"read","__proto__":{"polluted":true}}'),
    call('{"name":"read","_meta":{"__proto__":{"polluted":true},"constructor":1,"toString":2}}'),
    '{"jsonrpc":"2.0","id":1,"method":"ping","__proto__":{"polluted":true},"hasOwnProperty":1}',
    '{"jsonrpc":"2.0","id":"__proto__","method":"__proto__","params":{"name":"constructor"}}',
    call('{"name":"__proto__"}'),
    call('{"name":"constructor","arguments":{"valueOf":{}}}'),
  ])("are plain data: %s", async (body) => {
    await expectPassed(body);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});
