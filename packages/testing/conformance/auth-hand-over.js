// What the conformance tool starts for a scenario of sign-in, some 170 times: it hands the scenario to the desk of the tests and
// waits. Plain JavaScript, which starts in half the time.
import { connect } from "node:net";
import { text } from "node:stream/consumers";

const { SMCP_DESK, MCP_CONFORMANCE_SCENARIO, MCP_CONFORMANCE_PROTOCOL_VERSION, MCP_CONFORMANCE_CONTEXT } = process.env;
const socket = connect({ port: Number(SMCP_DESK), host: "127.0.0.1" });
const scenario = {
  name: MCP_CONFORMANCE_SCENARIO,
  version: MCP_CONFORMANCE_PROTOCOL_VERSION ?? "2025-11-25",
  url: process.argv.at(-1),
  context: JSON.parse(MCP_CONFORMANCE_CONTEXT ?? "{}"),
};
socket.write(`${JSON.stringify(scenario)}\n`);
const problem = await text(socket);
process.stderr.write(problem);
process.exitCode = problem === "" ? 0 : 1;
