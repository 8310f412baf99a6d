/** Header lines: their syntax, their ends, their number and size, and those that may stand there only once. */
import { rows, type Family } from "../case.ts";
import { BODY, get, head, HOST, PATH, post } from "../request.ts";

const NO_TOKEN = [...'()<>@,;\\"/[]?={} '.split(""), "\t", "\0", "\x01", "\x1f", "\x7f", "\x80", "\xe9", "\xff"];
const NO_VALUE = ["\0", "\x01", "\x08", "\x0b", "\x0c", "\x1b", "\x1f", "\x7f"];
const hex = (text: string): string => Buffer.from(text, "latin1").toString("hex");

export const headerSyntax: Family = {
  title: "H7: a header line that is not one",
  rows: [
    ["a space before the colon", get(PATH, "X-A : b"), "400"],
    ["a tab before the colon", get(PATH, "X-A\t: b"), "400"],
    ["no colon", get(PATH, "X-A"), "400"],
    ["no name", get(PATH, ": b"), "400"],
    ["a space for a name", get(PATH, " : b"), "400"],
    ["no value", get(PATH, "X-A:"), "200+"],
    ["blanks for a value", get(PATH, "X-A: \t "), "200+"],
    ["colons in a value", get(PATH, "X-A: b: c:d"), "200+"],
    ["folded by a space", get(PATH, "X-A: b\r\n c"), "400"],
    ["folded by a tab", get(PATH, "X-A: b\r\n\tc"), "400"],
    ["folded at once", get(PATH, "X-A:\r\n b"), "400"],
    ["folded to nothing", get(PATH, "X-A: b\r\n "), "400"],
    ["the first one begins with a space", head(`GET ${PATH} HTTP/1.1`, ` ${HOST}`), "400"],
    ["the first one begins with a tab", head(`GET ${PATH} HTTP/1.1`, `\t${HOST}`), "400"],
    ["ended by a line feed", `GET ${PATH} HTTP/1.1\r\n${HOST}\nX-A: b\r\n\r\n`, "400"],
    ["ended by a carriage return", `GET ${PATH} HTTP/1.1\r\n${HOST}\rX-A: b\r\n\r\n`, "400"],
    ["ended by two carriage returns", `GET ${PATH} HTTP/1.1\r\n${HOST}\r\r\nX-A: b\r\n\r\n`, "400"],
    ["all ended by line feeds", `GET ${PATH} HTTP/1.1\n${HOST}\n\n`, "400"],
    ["all ended by carriage returns", `GET ${PATH} HTTP/1.1\r${HOST}\r\r`, "400|closed", { ends: "half" }],
    ["the empty line ended by a line feed", `GET ${PATH} HTTP/1.1\r\n${HOST}\r\n\n`, "400"],
    ["the empty line ended by a carriage return", `GET ${PATH} HTTP/1.1\r\n${HOST}\r\n\rX`, "400"],
    [
      "a request behind a bare line feed",
      `GET ${PATH} HTTP/1.1\r\n${HOST}\r\nX-A: b\nGET ${PATH}z HTTP/1.1\r\n\r\n`,
      "400",
    ],
    [
      "a request behind a bare carriage return",
      `GET ${PATH} HTTP/1.1\r\n${HOST}\r\nX-A: b\rGET ${PATH}z HTTP/1.1\r\n\r\n`,
      "400",
    ],
    ["a message for a header", get(PATH, BODY), "400"],
    ["a dollar and a bar in a name", get(PATH, "X-$|~!: b"), "200+"],
    ...rows(NO_TOKEN, (one) => [`0x${hex(one)} in a name`, get(PATH, `X${one}A: b`), "400"]),
    ...rows(NO_VALUE, (one) => [`0x${hex(one)} in a value`, get(PATH, `X-A: b${one}c`), "400"]),
    // RFC 9110, 5.5: bytes above 0x7f are opaque. Such a header goes nowhere.
    ...rows(["\x80", "\xe9", "\xff", "\xc3\xa9"], (one) => [
      `0x${hex(one)} in a value`,
      get(PATH, `X-A: b${one}c`),
      "200+",
    ]),
    [
      "a name that every object has",
      get(PATH, "__proto__: x", "constructor: y", "toString: z", "hasOwnProperty: w"),
      "200+",
    ],
    ["that name twice", get(PATH, "__proto__: x", "__proto__: y"), "200+"],
    ["no empty line", `GET ${PATH} HTTP/1.1\r\n${HOST}\r\n`, "408", { ends: "stay" }],
    ["half a name", `GET ${PATH} HTTP/1.1\r\n${HOST}\r\nX-`, "408", { ends: "stay" }],
  ],
};

const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `X-${i}: y`);

export const headerLimits: Family = {
  title: "H7: headers that are too many or too large",
  rows: [
    ["a hundred", get(PATH, ...many(99)), "200+"],
    ["a hundred and one", get(PATH, ...many(100)), "431"],
    ["five hundred", get(PATH, ...many(500)), "431"],
    [
      "two thousand, then a Host and a token",
      head(`GET ${PATH} HTTP/1.1`, ...many(2_000), HOST, "Authorization: Bearer x"),
      "431",
    ],
    ["a hundred and one of one name", get(PATH, ...many(100).map(() => "A: b")), "431"],
    ["one of 15 KiB", get(PATH, `X-A: ${"a".repeat(15_000)}`), "200+"],
    ["one of 20 KiB", get(PATH, `X-A: ${"a".repeat(20_000)}`), "431"],
    ["a name of 20 KiB", get(PATH, `${"a".repeat(20_000)}: b`), "431"],
    ["20 KiB together", get(PATH, ...Array.from({ length: 20 }, (_, i) => `X-${i}: ${"a".repeat(1_000)}`)), "431"],
    ["20 KiB of blanks", get(PATH, `X-A:${" ".repeat(20_000)}b`), "431|200+"],
    ["20 KiB without an end", `GET ${PATH} HTTP/1.1\r\nX-A: ${"a".repeat(20_000)}`, "431"],
    ["1 MiB", get(PATH, `X-A: ${"a".repeat(1 << 20)}`), "431"],
    ["byte by byte", get(PATH).match(/\{\w+\}|./gs) ?? [], "200+"],
    ["in two, between CR and LF", [get(PATH).slice(0, -1), "\n"], "200+"],
  ],
};

const SENSITIVE = [
  "Authorization: Bearer a",
  "Content-Type: application/json",
  "Content-Encoding: identity",
  "Cookie: a=b",
  "Last-Event-ID: 1",
  "Origin: http://{host}",
  "X-Request-Id: 5f1a3c1e-7e7a-4bd0-9c59-0123456789ab",
  "Mcp-Session-Id: a",
  "Mcp-Protocol-Version: 2025-06-18",
  "Mcp-Method: ping",
  "Mcp-Name: a",
  "Mcp-Param-X: a",
  "X-GitHub-Token: a",
  "Expect: 100-continue",
];

/** The same name once more, spelled as another program would. */
function twice(line: string, spell: (name: string) => string, value: string): string {
  const [name = "", ...rest] = line.split(": ");
  return get(PATH, line, `${spell(name)}: ${value || rest.join(": ")}`);
}

export const repeated: Family = {
  title: "H6, J4: a header that decides something stands there twice",
  rows: [
    ...rows(SENSITIVE, (one) => [`${one}, the same`, twice(one, (name) => name, ""), "400"]),
    ...rows(SENSITIVE, (one) => [`${one}, another`, twice(one, (name) => name.toLowerCase(), "x"), "400"]),
    ...rows(SENSITIVE, (one) => [`${one}, and empty`, twice(one, (name) => name.toUpperCase(), " "), "400"]),
    ["Content-Length, the same", post([`Content-Length: ${BODY.length}`]), "400"],
    ["harmless ones", get(PATH, "Accept: a", "Accept: b", "X-Other: 1", "X-Other: 2"), "200+"],
    [
      "ones with an underscore are other headers",
      get(PATH, "Mcp_Session_Id: a", "Mcp_Session_Id: b", "X_GitHub_Token: a", "Content_Length: 7"),
      "200+",
    ],
    [
      "sensitive ones named as hop by hop",
      get(PATH, "Connection: authorization, mcp-session-id, host, content-length", "Mcp-Session-Id: a"),
      "200+",
    ],
  ],
};
