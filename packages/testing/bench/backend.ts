/**
 * The fastest MCP backend that plain Node.js allows: HTTP by hand on sockets, so that it is never the limit. The tool's name
 * says what comes back: `blob` 1 MiB, `burst` 100 events in one packet, anything else a small answer. A GET opens a stream on
 * which nothing happens.
 */
import { createServer, type Socket } from "node:net";

const BLOB = Buffer.from(JSON.stringify({ content: [{ type: "text", text: "x".repeat(1 << 20) }] }));
const EVENT =
  'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}\n\n';
const EVENTS = `${EVENT.length.toString(16)}\r\n${EVENT}\r\n`.repeat(100);

const server = createServer({ noDelay: true }, (socket) => {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    for (;;) {
      const used = serveOne(socket, rest);
      if (used === 0) return;
      rest = rest.subarray(used);
    }
  });
});
server.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address) process.stdout.write(`${address.port}\n`);
});

/** Answers the first request of the bytes; 0 when it is not there as a whole. */
function serveOne(socket: Socket, bytes: Buffer): number {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return 0;
  const head = bytes.toString("latin1", 0, end).toLowerCase();
  const at = head.indexOf("content-length:");
  const length = at < 0 ? 0 : Number.parseInt(head.slice(at + 15), 10);
  const total = end + 4 + length;
  if (bytes.length < total) return 0;
  const body = bytes.toString("utf8", end + 4, total);
  const id = /"id":(\d+)/.exec(body)?.[1] ?? "0";
  if (head.startsWith("get ")) socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n");
  else if (body.includes('"burst"')) sendBurst(socket, id);
  else if (body.includes('"blob"')) sendBlob(socket, id);
  else send(socket, `{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"${"y".repeat(120)}"}]}}`);
  return total;
}

function send(socket: Socket, text: string): void {
  socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
}

function sendBlob(socket: Socket, id: string): void {
  const start = `{"jsonrpc":"2.0","id":${id},"result":`;
  const length = start.length + BLOB.length + 1;
  socket.cork();
  socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${start}`);
  socket.write(BLOB);
  socket.write("}");
  socket.uncork();
}

function sendBurst(socket: Socket, id: string): void {
  const last = `event: message\ndata: {"jsonrpc":"2.0","id":${id},"result":{}}\n\n`;
  const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
  socket.write(`${head}${EVENTS}${last.length.toString(16)}\r\n${last}\r\n0\r\n\r\n`);
}
