export { startServer, type RunningServer } from "./gateway.ts";
export { type ComposeOptions } from "./compose.ts";
