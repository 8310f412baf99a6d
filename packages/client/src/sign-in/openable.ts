/** Which addresses may be put before a person: an address comes from a provider, and must never be more than a page. */
import { isLoopbackName } from "@smcp/core";

/** The page behind a text: https, or plain http on this machine; `undefined` for anything else. */
export function openable(text: string): URL | undefined {
  const url = URL.parse(text);
  if (!url || url.username !== "" || url.password !== "") return undefined;
  const isLocal = url.protocol === "http:" && isLoopbackName(url.hostname);
  return url.protocol === "https:" || isLocal ? url : undefined;
}
