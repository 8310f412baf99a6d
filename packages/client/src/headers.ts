/** Which headers an app's request takes along: the same as anywhere, and the tokens that it holds for the backends. */
import type { HeaderMap } from "@smcp/core";
import { passRequestHeaders } from "@smcp/edge";

// `X-GitHub-Token` and its like. A name with an underscore is another name to some servers.
const UPSTREAM_TOKEN = /^x-[a-z0-9-]+-token$/;

/**
 * The request headers that go to the server, as a flat list; the token comes later.
 *
 * @param forwarded further names that pass, lower-case
 */
export function requestHeaders(headers: HeaderMap, forwarded: readonly string[]): string[] {
  const more = [...forwarded];
  for (const name of headers.keys()) {
    if (name.startsWith("x-") && UPSTREAM_TOKEN.test(name) && !forwarded.includes(name)) more.push(name);
  }
  return passRequestHeaders(headers, more);
}
