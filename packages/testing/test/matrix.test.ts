/**
 * Which app works with which server through the pair. Each cell is visited twice, without smcp and through it, and both
 * visits must come to the same. The table is conformance/cells.ts.
 */
import { readFileSync } from "node:fs";

import type { Backend } from "@smcp/config";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { COMMANDS, PROGRAMS, VISITS, type ServerId } from "../conformance/cells.ts";
import { compatibilityPage } from "../conformance/page.ts";
import { visit, type AppName, type Outcome, type Place } from "../fixtures/apps.ts";
import { everythingOverHttp } from "../fixtures/over-http.ts";
import { everythingOverSse } from "../fixtures/over-sse.ts";
import { startPair, type Pair } from "../fixtures/pair.ts";
import { inspect, visitByRemote, type InspectorMode } from "../fixtures/programs.ts";
import { everythingOnStdio, onStdio } from "../fixtures/stdio-command.ts";
import { httpBackend } from "../src/index.ts";

const LIMIT = 60_000;

const stack = new AsyncDisposableStack();
/** Where each server is without smcp. */
const places = new Map<string, Place>();
let pair: Pair;

beforeAll(async () => {
  const more = { timeout: 30_000 };
  const sse = stack.use(await everythingOverSse());
  places.set("sse", { transport: "sse", url: sse.url });
  const backends: Backend[] = [httpBackend("sse", sse.url, more)];
  for (const eras of ["legacy", "modern", "dual"] as const) {
    const { url } = stack.use(await everythingOverHttp(eras));
    places.set(`http-${eras}`, { transport: "http", url });
    places.set(`stdio-${eras}`, { transport: "stdio", command: onStdio(eras) });
    backends.push(httpBackend(`http-${eras}`, url, more), everythingOnStdio(`stdio-${eras}`, eras, more));
  }
  pair = stack.use(await startPair(backends));
}, LIMIT);

afterAll(() => stack.disposeAsync());

const placeOf = (id: string): Place => {
  const place = places.get(id);
  if (!place) throw new TypeError(`there is no server "${id}"`);
  return place;
};
const throughPair = (id: ServerId): Place => ({
  transport: id === "sse" ? "sse" : "http",
  url: `${pair.url}/${id}`,
});
const urlOf = (place: Place): string => ("url" in place ? place.url : "");

/** Visits without smcp, each made once: two tables compare with them. */
const visited = new Map<string, Promise<Outcome>>();
const without = (id: ServerId, app: AppName): Promise<Outcome> => {
  const key = `${id} ${app}`;
  const outcome = visited.get(key) ?? visit(app, placeOf(id));
  visited.set(key, outcome);
  return outcome;
};

/** A cell of the table, of what a visit came to. A visit that saw less than everything is told whole. */
const cellOf = (outcome: Outcome): string => {
  if ("error" in outcome) return outcome.error === "exit" ? `exit code ${String(outcome.code)}` : String(outcome.code);
  const { progress = [0, 50, 100], isCancelled = true, isAnnounced = true } = outcome.seen;
  const isWhole = isCancelled === true && isAnnounced === true && JSON.stringify(progress) === "[0,50,100]";
  return isWhole ? outcome.version : JSON.stringify(outcome);
};

const cells = <App extends string>(table: Partial<Record<ServerId, Readonly<Record<App, string>>>>) =>
  Object.entries(table).flatMap(([id, row]) =>
    Object.entries(row as Record<App, string>).map(
      ([app, cell]) => [id as ServerId, app as App, cell as string] as const,
    ),
  );

test.each(cells(VISITS))(
  "the server %s and the SDK's client %s come to: %s",
  { timeout: LIMIT },
  async (id, app, cell) => {
    const here = await without(id, app);
    expect(cellOf(here)).toBe(cell);
    expect(await visit(app, throughPair(id))).toEqual(here);
  },
);

describe("an app that starts smcp client --stdio as its command", () => {
  test.each(cells(COMMANDS))(
    "at the server %s, as the SDK's client %s, comes to: %s",
    { timeout: LIMIT },
    async (id, app, cell) => {
      const there = await visit(app, { transport: "stdio", ...pair.commandFor(`/${id}`) });
      expect(cellOf(there)).toBe(cell);
      // A command of the same eras is what it seems to be.
      expect(there).toEqual(await without(id.replace("http", "stdio") as ServerId, app));
    },
  );
});

describe("a program", () => {
  test.each(cells(PROGRAMS))("at the server %s, as %s, comes to: %s", { timeout: LIMIT }, async (id, name, cell) => {
    const run = (place: Place): Promise<Outcome> => {
      if (name !== "mcp-remote") return inspect(name.replace("Inspector ", "") as InspectorMode, place);
      return visitByRemote(urlOf(place.transport === "stdio" ? placeOf(id.replace("stdio", "http")) : place));
    };
    const [here, there] = await Promise.all([run(placeOf(id)), run(throughPair(id))]);
    expect(cellOf(here)).toBe(cell);
    expect(there).toEqual(here);
  });
});

test("an app that only speaks Streamable HTTP fails at a server of HTTP+SSE as it does without smcp", async () => {
  const here = await visit("1.x", { transport: "http", url: urlOf(placeOf("sse")) });
  expect(cellOf(here)).toBe("405");
  expect(await visit("1.x", { transport: "http", url: `${pair.url}/sse` })).toEqual(here);
});

test("the page for people says what is tested", () => {
  // `npm run generate` writes it.
  expect(readFileSync(new URL("../compatibility.md", import.meta.url), "utf8")).toBe(compatibilityPage());
});
