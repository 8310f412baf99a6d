/** HTTP by hand: what no client library would send. */
import { connect } from "node:net";

/** One answer as it came. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Everything that arrived, further answers included. */
  readonly text: string;
}

/**
 * Sends the text (CRLF where it says `\n`) and reads until the other end closes, or, unless the text asks for that, until an
 * answer with a known length is whole.
 *
 * @param url where to; only host and port are used
 */
export function sendRaw(url: string, text: string): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const asksClose = /^connection: close$/im.test(text);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let got = "";
    const finish = (): void => {
      socket.destroy();
      resolve(parse(got));
    };
    socket.setTimeout(10_000, () => {
      socket.destroy();
      reject(new Error(`no whole answer within 10 s: ${got}`));
    });
    socket.on("connect", () => socket.write(text.replaceAll(/\r?\n/g, "\r\n")));
    socket.on("data", (chunk: Buffer) => {
      got += chunk.toString("latin1");
      if (!asksClose && isWhole(got)) finish();
    });
    socket.on("end", finish);
    socket.on("error", (error) => (got === "" ? reject(error) : finish()));
  });
}

function parse(text: string): RawAnswer {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [line = "", ...fields] = head.split("\r\n");
  const headers = Object.fromEntries(
    fields.map((field) => [
      field.slice(0, field.indexOf(":")).toLowerCase(),
      field.slice(field.indexOf(":") + 1).trim(),
    ]),
  );
  return { status: Number(line.split(" ")[1] ?? 0), headers, body: rest.join("\r\n\r\n"), text };
}

function isWhole(text: string): boolean {
  const { headers, body } = parse(text);
  const length = headers["content-length"];
  return text.includes("\r\n\r\n") && length !== undefined && body.length >= Number(length);
}
