import type { Message } from "@smcp/core";

/** True for a request whose answer stays open by design: the legacy era's GET, the modern era's subscription. */
export function holdsOpen(method: string, message: Message | undefined): boolean {
  return method === "GET" || message?.method === "subscriptions/listen";
}
