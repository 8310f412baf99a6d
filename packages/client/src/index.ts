export type { Client } from "./client.ts";
export { startClient, type ClientStreams } from "./start.ts";
