/** Ports on loopback, before somebody is told to listen on them. */
import { createServer, type AddressInfo } from "node:net";

/** A port on 127.0.0.1 that nobody listens on. It is free now; whoever is to have it should take it soon. */
export async function freePort(): Promise<number> {
  const port = await tryPort(0);
  if (port === undefined) throw new Error("no port is free on 127.0.0.1");
  return port;
}

/** True when somebody listens on this port of 127.0.0.1 already, or we may not. */
export async function isPortTaken(port: number): Promise<boolean> {
  return (await tryPort(port)) === undefined;
}

async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const found = (server.address() as AddressInfo).port;
      server.close(() => resolve(found));
    });
  });
}
