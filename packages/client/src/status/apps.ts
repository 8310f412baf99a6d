/** Which apps use the client, by what they call themselves. Self-reported: for people to read, nothing is decided by it. */
import type { Bytes } from "@smcp/core";

/** One app. */
export interface App {
  /** As it introduced itself, else its user agent. */
  name: string;
  version: string | undefined;
  /** Its `User-Agent`, "" for none. */
  readonly agent: string;
  calls: number;
  /** Wall clock. */
  lastUse: number;
}

/** How an app introduces itself. */
export interface AppName {
  readonly name: string;
  readonly version: string | undefined;
}

const MAX_APPS = 64;
const LONGEST = 80;
/** A first message is short; nobody parses megabytes for a name. */
const MAX_INTRODUCTION: Bytes = 16 * 1_024;
const MODERN = "io.modelcontextprotocol/clientInfo";

export class Apps {
  readonly #apps: App[] = [];

  /** The apps, those of the last use first. */
  list(): readonly App[] {
    return this.#apps.toSorted((one, other) => other.lastUse - one.lastUse);
  }

  /** The app that has a user agent; of several the one that was used last. */
  byAgent(agent: string | undefined): App {
    const shown = printable(agent ?? "");
    return (
      this.list().find((one) => one.agent === shown) ??
      this.#add({ name: shown || "unknown", version: undefined }, shown)
    );
  }

  /** The app that introduced itself on a connection which began as `app`. */
  introduce(app: App, { name, version }: AppName): App {
    const known = this.#apps.find((one) => one.agent === app.agent && one.name === name && one.version === version);
    if (known) return known;
    const isNameless = app.version === undefined && (app.name === app.agent || app.name === "unknown");
    if (!isNameless) return this.#add({ name, version }, app.agent);
    app.name = name;
    app.version = version;
    return app;
  }

  #add({ name, version }: AppName, agent: string): App {
    if (this.#apps.length >= MAX_APPS) {
      const oldest = this.list().at(-1);
      this.#apps.splice(
        this.#apps.findIndex((one) => one === oldest),
        1,
      );
    }
    const app: App = { name, version, agent, calls: 0, lastUse: 0 };
    this.#apps.push(app);
    return app;
  }
}

/** The name that an app's first message gives it, in either era. */
export function introductionIn(body: Uint8Array): AppName | undefined {
  if (body.length > MAX_INTRODUCTION) return undefined;
  try {
    const { params } = JSON.parse(Buffer.from(body).toString()) as { params?: Record<string, unknown> };
    const meta = params?.["_meta"] as Record<string, unknown> | undefined;
    const { name, version } = (params?.["clientInfo"] ?? meta?.[MODERN] ?? {}) as Record<string, unknown>;
    if (typeof name !== "string" || printable(name) === "") return undefined;
    return { name: printable(name), version: typeof version === "string" ? printable(version) : undefined };
  } catch {
    return undefined;
  }
}

/** A text of a peer's that may be shown on a terminal. */
function printable(text: string): string {
  return text
    .slice(0, LONGEST)
    .replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]+/gu, " ")
    .trim();
}
