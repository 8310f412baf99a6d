export { startClient, type Client, type ClientStreams } from "./start.ts";
