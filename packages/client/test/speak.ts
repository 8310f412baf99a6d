/** One HTTP request over a plain node:http client, every header as given. */
import { request } from "node:http";
import { connect } from "node:net";

export interface Spoken {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Words {
  readonly method?: string;
  readonly path?: string;
  /** Flat list of names and values, or a record; without `host` it is the address. */
  readonly headers?: Readonly<Record<string, string>> | readonly string[];
  readonly body?: string;
  /** Instead of the address's own. */
  readonly host?: string;
}

/** Sends a request to an address, or to a socket (`unix:PATH`), and reads the whole answer. */
export function speak(url: string, words: Words = {}): Promise<Spoken> {
  const { hostname, port, host, protocol, pathname } = new URL(url);
  const at =
    protocol === "unix:" ? { socketPath: pathname } : { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
  const headers = Array.isArray(words.headers)
    ? ([...words.headers] as string[])
    : { host: words.host ?? host, ...(words.headers as Record<string, string> | undefined) };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        ...at,
        path: words.path ?? "/",
        method: words.method ?? (words.body === undefined ? "GET" : "POST"),
        headers,
        setHost: false,
        agent: false,
      },
      (incoming) => {
        const parts: Buffer[] = [];
        incoming.on("data", (part: Buffer) => parts.push(part));
        incoming.on("error", reject);
        incoming.on("end", () => {
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(parts).toString(),
          });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(words.body);
  });
}

/** A POST of a JSON body. */
export function post(
  url: string,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Spoken> {
  return speak(url, { path, body, headers: { "content-type": "application/json", ...headers } });
}

/** Sends bytes as they are and reads until the other side closes. */
export function speakRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}
