/** Signing in step by step: a person who goes nowhere, and the test in place of their browser. */
import { expect, vi } from "vitest";

import type { FakeProvider } from "./fake-provider.ts";
import { errorIn, startInFront } from "./protected.ts";
import { Visitor } from "./visitor.ts";

const WAIT = { timeout: 20_000, interval: 50 };

/** A person who is shown pages and visits none. */
export function quiet(): Visitor {
  const person = new Visitor();
  person.visits = false;
  return person;
}

/** Comes back from a provider with a good code; returns what it was asked. */
export async function comeBack(provider: FakeProvider, opened: string | undefined): Promise<URLSearchParams> {
  const asked = new URL(opened ?? "").searchParams;
  provider.nonce = asked.get("nonce") ?? undefined;
  const back = new URL(asked.get("redirect_uri") ?? "");
  back.search = new URLSearchParams({ code: "c", state: asked.get("state") ?? "", iss: provider.url }).toString();
  expect((await fetch(back)).status).toBe(200);
  return asked;
}

/** Signs in at a fake provider; returns what it was asked. */
export async function signIn(
  provider: FakeProvider,
  server: string,
  changes: Parameters<typeof startInFront>[1],
): Promise<URLSearchParams> {
  const person = quiet();
  const { call, client } = await startInFront(server, { oidc: { clientId: "x" }, ...changes }, person);
  expect(errorIn(await call()).code).toBe(40101);
  const asked = await comeBack(provider, person.opened[0]);
  await vi.waitFor(async () => expect(errorIn(await call())).toBeUndefined(), WAIT);
  await client.close();
  return asked;
}
