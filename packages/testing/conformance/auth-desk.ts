/**
 * Where the scenarios of sign-in are gone through: in the process of the tests, two at a time, however many the tool starts at
 * once. What the tool starts hands its scenario over here and waits.
 */
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { Scenario } from "./auth-scenario.ts";

export interface Desk extends AsyncDisposable {
  /** The line for the shell that the tool starts; it does nothing for scenarios of other things. */
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

/** As many as there are cores. */
const AT_ONCE = 2;

const IS_OTHER = 'test "${MCP_CONFORMANCE_SCENARIO#auth/}" = "$MCP_CONFORMANCE_SCENARIO" ||';
const HAND_OVER = fileURLToPath(new URL("auth-hand-over.js", import.meta.url));

/** @param run goes through a scenario; where it rejects, the tool's client failed */
export async function openDesk(run: (scenario: Scenario) => Promise<void>): Promise<Desk> {
  const waiting: (() => void)[] = [];
  let free = AT_ONCE;
  const serve = async (socket: Socket): Promise<void> => {
    // Not to its end by `text`, which would close the other direction too.
    const [line = ""] = (await once(createInterface({ input: socket }), "line")) as readonly string[];
    const scenario = JSON.parse(line) as Scenario;
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    const problem = await run(scenario).then(() => "", String);
    const next = waiting.shift();
    if (next) next();
    else free += 1;
    socket.end(problem);
  };
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    void serve(socket).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    command: `${IS_OTHER} exec "$SMCP_NODE" "$SMCP_HAND_OVER"`,
    env: { SMCP_NODE: process.execPath, SMCP_HAND_OVER: HAND_OVER, SMCP_DESK: String(port) },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
