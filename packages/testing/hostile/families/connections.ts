/** One connection for several requests, for another protocol, for half of one, and for what waits to be asked. */
import { rows, type Family } from "../case.ts";
import { BODY, chunked, CHUNK, CHUNKS, framed, get, head, HIDDEN, HOST, JSON_TYPE, PATH, post } from "../request.ts";

const DENIED = get("/docs/../other");
const GOOD = get(PATH);
const ASKING = framed([`Content-Length: ${BODY.length}`, "Expect: 100-continue"], "");
const GARBAGE = "\0\0\0\0\r\n\r\n";

export const pipelining: Family = {
  title: "H9: several requests at once",
  rows: [
    ["two", GOOD + GOOD, "200+ 200+"],
    ["two POSTs", post() + post(), "200+ 200+"],
    ["two, the first denied", DENIED + GOOD, "400 200+"],
    ["two, the second denied", GOOD + DENIED, "200+ 400"],
    [
      "a POST without a type, then a good one",
      `${head(`POST ${PATH} HTTP/1.1`, HOST, "Content-Length: 0")}${GOOD}`,
      "415 200+",
    ],
    [
      "twenty, each other one denied",
      `${GOOD}${DENIED}`.repeat(10),
      Array.from({ length: 10 }, () => "200+ 400").join(" "),
    ],
    ["a good one, then what is none", GOOD + GARBAGE, "200+ 400"],
    ["a good POST, then what is none", post() + GARBAGE, "200+ 400"],
    ["three good ones, then what is none", GOOD + GOOD + post() + GARBAGE, "200+ 200+ 200+ 400"],
    ["a denied one, then what is none", DENIED + GARBAGE, "400 400|400"],
    ["a good one, then none in the next packet", [GOOD, GARBAGE], "200+ 400"],
    ["a good one, then half of one", `${GOOD}GET ${PATH}z HTT`, "200+ 408|200+ 400"],
    ["a good one that asks for the end, then another", get(PATH, "Connection: close") + HIDDEN, "200+"],
    ["a good one of the old version, then another", `GET ${PATH} HTTP/1.0\r\n${HOST}\r\n\r\n${HIDDEN}`, "200+"],
    ["a chunked one, then another", chunked(CHUNKS) + GOOD, "200+ 200+"],
    ["an upload that is refused early, then another", framed(["Content-Length: 70000"], HIDDEN), "413"],
    // Node alone writes the invitation between the head and the body of its answer.
    ["a good one, then one that waits to be asked for", GOOD + ASKING + BODY, "200+ 100 200+|200+ 200+"],
    [
      "a good one, then one that waits to be asked for, and is not JSON",
      GOOD + ASKING + GOOD,
      "200+ 400|200+ 400 400|200+ 100 400|200+ 100 400 400",
      { client: "200+ 100 200+ 400|200+ 200+ 400" },
    ],
    [
      "a good one, then one with a coding that hides a body's end, then another",
      GOOD + framed(["Transfer-Encoding: gzip, chunked"], CHUNKS) + HIDDEN,
      "200+ 400",
    ],
    ["a hundred and fifty", GOOD.repeat(150), "closed|closed+"],
    ["what is none, then a good one", GARBAGE + HIDDEN, "400"],
    ["a foreign Host, then a good one", head(`GET ${PATH}z HTTP/1.1`, "Host: evil.example") + GOOD, "403 200+"],
    ["one with a bad chunk, then another", chunked(`x\r\n${CHUNKS}`) + HIDDEN, "400"],
    ["an answer of ours for a request", `HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n${HIDDEN}`, "400"],
    ["probes between them", get("/health") + GOOD + get("/health") + DENIED, "200 200+ 200 400"],
  ],
};

const UPGRADES = ["websocket", "h2c", "HTTP/2.0", "TLS/1.0", "h2c, websocket", "", "\xff", "a".repeat(1_000)];

// Node answers such a request as any other and closes the connection behind it.
export const upgrades: Family = {
  title: "H14: a change of protocol is not taken up",
  rows: [
    ...rows(UPGRADES, (one) => [
      `"${one.slice(0, 20)}"`,
      get(PATH, "Connection: Upgrade", `Upgrade: ${one}`),
      "200+|400",
    ]),
    [
      "h2c, as it is done",
      get(PATH, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
      "200+|400",
    ],
    [
      "h2c with the preface behind it",
      `${get(PATH, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
      "200+|200+ 400|400",
    ],
    [
      "h2c with a request behind it",
      `${get(PATH, "Connection: Upgrade", "Upgrade: h2c")}${GOOD}`,
      "200+|200+ 200+|400",
    ],
    ["h2c on a POST", post(["Connection: Upgrade", "Upgrade: h2c"]), "200+|400"],
    ["h2c on a POST in chunks", chunked(CHUNKS, "Connection: Upgrade", "Upgrade: h2c"), "200+|400"],
    [
      "websocket, as it is done",
      get(
        PATH,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      ),
      "200+|400",
    ],
    [
      "websocket with frames behind it",
      `${get(PATH, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")}\x81\x85abcdefghi`,
      "200+|200+ 400|400",
    ],
    ["websocket of a probe", get("/health", "Connection: Upgrade", "Upgrade: websocket"), "200|400"],
    ["websocket of a path that is denied", get("/docs/../other", "Connection: Upgrade", "Upgrade: websocket"), "400"],
    [
      "websocket with a body that hides a request",
      get(PATH, "Connection: Upgrade", "Upgrade: websocket", `Content-Length: ${HIDDEN.length}`) + HIDDEN,
      "200+|400",
    ],
    ["HTTP/2 from the start", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"],
  ],
};

const EXPECTATIONS = [
  "200-ok",
  "100-continued",
  "100",
  "continue",
  "x-100-continue",
  "101-continue",
  "\xff",
  "a".repeat(1_000),
  "100-continue=1, x",
];

const asking = (...lines: readonly string[]): string =>
  head(`POST ${PATH} HTTP/1.1`, HOST, JSON_TYPE, `Content-Length: ${BODY.length}`, ...lines);

export const expectations: Family = {
  title: "H15: a body that waits to be asked for",
  rows: [
    ["asked for where it is wanted", [asking("Expect: 100-continue"), BODY], "100 200+"],
    ["of another case", [asking("Expect: 100-Continue"), BODY], "100 200+"],
    ["sent at once", asking("Expect: 100-continue") + BODY, "100 200+"],
    ["in chunks", [framed(["Transfer-Encoding: chunked", "Expect: 100-continue"], ""), CHUNKS], "100 200+"],
    [
      "not asked for on a path that is not canonical",
      head("POST /docs/../other HTTP/1.1", HOST, JSON_TYPE, "Content-Length: 40", "Expect: 100-continue"),
      "400",
    ],
    [
      "not asked for by a foreign Host",
      head(`POST ${PATH} HTTP/1.1`, "Host: evil.example", JSON_TYPE, "Content-Length: 40", "Expect: 100-continue"),
      "403",
    ],
    [
      "not asked for where it is no JSON",
      head(`POST ${PATH} HTTP/1.1`, HOST, "Content-Type: text/plain", "Content-Length: 40", "Expect: 100-continue"),
      "415",
    ],
    [
      "not asked for where it is too large",
      head(`POST ${PATH} HTTP/1.1`, HOST, JSON_TYPE, "Content-Length: 70000", "Expect: 100-continue"),
      "413",
    ],
    [
      "not asked for by another method",
      head(`PUT ${PATH} HTTP/1.1`, HOST, "Content-Length: 40", "Expect: 100-continue"),
      "405",
    ],
    ["never sent", asking("Expect: 100-continue"), "100 408"],
    ["on a GET", get(PATH, "Expect: 100-continue"), "200+|400"],
    ["with a bad length", framed(["Content-Length: x", "Expect: 100-continue"], ""), "400"],
    [
      "in an old version",
      `POST ${PATH} HTTP/1.0\r\n${HOST}\r\n${JSON_TYPE}\r\nContent-Length: ${BODY.length}\r\nExpect: 100-continue\r\n\r\n${BODY}`,
      "200+|100 200+",
    ],
    ...rows(EXPECTATIONS, (one) => [`"${one.slice(0, 20)}"`, asking(`Expect: ${one}`) + BODY, "400"]),
  ],
};

const LARGE = "x".repeat(70_000);

export const bodies: Family = {
  title: "H16, H17: a body that is too large, compressed, or no JSON",
  rows: [
    ["too large by its length", framed(["Content-Length: 70000"], ""), "413"],
    ["far too large by its length", framed(["Content-Length: 9007199254740991"], ""), "413|400"],
    ["too large in one chunk", chunked(`${LARGE.length.toString(16)}\r\n${LARGE}`), "413"],
    ["too large in many chunks", chunked(`1000\r\n${"x".repeat(4_096)}\r\n`.repeat(20)), "413"],
    ["too large, and sent", framed(["Content-Length: 70000"], LARGE), "413"],
    ...rows(
      ["gzip", "x-gzip", "br", "deflate", "zstd", "compress", "gzip, gzip", "identity, gzip", "GZIP", "", "aes128gcm"],
      (one) => [`compressed: "${one}"`, post([`Content-Encoding: ${one}`]), "415"],
    ),
    ...rows(
      [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json-seq",
        "xapplication/json",
        "application",
        "*/*",
        "",
        "application/json, text/plain",
        "text/plain;application/json",
        "application\\json",
        "application /json",
        "json",
      ],
      (one) => [
        `of type "${one}"`,
        head(`POST ${PATH} HTTP/1.1`, HOST, `Content-Type: ${one}`, `Content-Length: ${BODY.length}`) + BODY,
        "415",
      ],
    ),
    ["of no type", head(`POST ${PATH} HTTP/1.1`, HOST, `Content-Length: ${BODY.length}`) + BODY, "415"],
    [
      "JSON of another case, with a parameter",
      head(
        `POST ${PATH} HTTP/1.1`,
        HOST,
        "Content-Type: Application/JSON ; charset=utf-8",
        `Content-Length: ${BODY.length}`,
      ) + BODY,
      "200+",
    ],
    ["as large as it may be", framed(["Content-Length: 65536"], BODY.padEnd(65_536)), "200+"],
  ],
};

const WHOLE = post();
/** Where a request may break off. */
const BREAKS: readonly (readonly [string, string])[] = [
  ["in the method", "GE"],
  ["behind the method", "GET "],
  ["in the target", "GET /docs"],
  ["in the version", `GET ${PATH} HTTP/1`],
  ["behind the version", `GET ${PATH} HTTP/1.1`],
  ["between CR and LF", `GET ${PATH} HTTP/1.1\r`],
  ["behind the first line", `GET ${PATH} HTTP/1.1\r\n`],
  ["in a name", `GET ${PATH} HTTP/1.1\r\nHo`],
  ["in a value", `GET ${PATH} HTTP/1.1\r\nHost: 127`],
  ["behind a header", `GET ${PATH} HTTP/1.1\r\n${HOST}\r\n`],
  ["in the empty line", `GET ${PATH} HTTP/1.1\r\n${HOST}\r\n\r`],
  ["before its body", framed([`Content-Length: ${BODY.length}`], "")],
  ["in its body", WHOLE.slice(0, -5)],
  ["before its last byte", WHOLE.slice(0, -1)],
  ["before its first chunk", chunked("")],
  ["in a size", chunked("2")],
  ["behind a size", chunked("28\r\n")],
  ["in a chunk", chunked(CHUNK.slice(0, 20))],
  ["behind a chunk", chunked(CHUNK)],
  ["behind the last size", chunked(`${CHUNK}0\r\n`)],
  ["in a trailer", chunked(`${CHUNK}0\r\nX-A: `)],
  ["while it is asked for", asking("Expect: 100-continue")],
];

export const endings: Family = {
  title: "H7, H18: a sender that stops in the middle",
  rows: [
    ...rows(BREAKS, ([name, text]) => [`says no more ${name}`, text, "400|closed|100|100 400", { ends: "half" }]),
    ...rows(BREAKS, ([name, text]) => [`leaves ${name}`, text, "left", { ends: "leave" }]),
    ...rows(BREAKS.slice(0, 6), ([name, text]) => [`waits ${name}`, text, "408"]),
    ["leaves behind a whole request", post(), "left|left+", { ends: "leave" }],
    ["leaves behind a whole request and half of one", `${post()}GET ${PATH}z`, "left|left+", { ends: "leave" }],
    ["says no more behind a whole request", post(), "200+|closed+|closed", { ends: "half" }],
    ["says no more behind a refused request", get("/docs/../x"), "400|closed", { ends: "half" }],
  ],
};
