/** One HTTP request over a plain node:http client, every header as given. */
import { request } from "node:http";
import { connect } from "node:net";

import { expect, onTestFinished } from "vitest";

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

/** An answer that goes on. */
export interface Heard {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Everything so far. */
  readonly text: string;
  /** Waits until a text has come. */
  until(text: string): Promise<void>;
  /** True once the other side has ended it. */
  readonly isOver: boolean;
  readonly ended: Promise<void>;
}

/** A GET whose answer stays open; a test's end closes it. */
export function listen(url: string, path: string, headers: Readonly<Record<string, string>>): Promise<Heard> {
  const { hostname, port, host } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: hostname, port, path, headers: { host, ...headers }, agent: false },
      (incoming) => {
        let text = "";
        let isOver = false;
        const { promise: ended, resolve: end } = Promise.withResolvers<void>();
        incoming.setEncoding("utf8").on("data", (part: string) => (text += part));
        incoming.on("error", () => undefined);
        incoming.on("close", () => {
          isOver = true;
          end();
        });
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          get text() {
            return text;
          },
          until: (expected) => expect.poll(() => text).toContain(expected),
          get isOver() {
            return isOver;
          },
          ended,
        });
      },
    );
    outgoing.on("error", reject);
    onTestFinished(() => void outgoing.destroy());
    outgoing.end();
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
