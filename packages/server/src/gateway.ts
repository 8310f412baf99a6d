/** A running server: its listener, what stands behind it, and its end. */
import type { IncomingMessage, ServerResponse } from "node:http";

import { getRequestListener } from "@hono/node-server";

import type { ServerSettings } from "@smcp/config";
import { catalogue, isRefusal, type Log } from "@smcp/core";
import { admit, openListener, type Admitted, type Reply } from "@smcp/edge";

import { compose, type ComposeOptions, type Composition } from "./compose.ts";
import { carry } from "./exchange/carry.ts";
import type { Arrival } from "./exchange/facts.ts";
import { Addresses, gateRules } from "./http/address.ts";
import { fixedRoutes, isFixed } from "./http/fixed.ts";
import { recorder } from "./record/record.ts";

export interface RunningServer {
  /** `http://host:port` as it listens. */
  readonly url: string;
  /** Stops accepting, lets calls finish for the shutdown time-out, stops children. */
  close(): Promise<void>;
}

/** Starts a server, or throws a `Failure` that names what is in the way. */
export async function startServer(
  settings: ServerSettings,
  log: Log,
  options: Partial<ComposeOptions> = {},
): Promise<RunningServer> {
  const composition = await compose(settings, log, { env: {}, version: "0.0.0", ...options });
  const { host, port, readTimeout, writeTimeout, shutdownTimeout } = settings.server;
  try {
    const handle = handler(settings, composition, log);
    const listener = await openListener({ host, port, readTimeout, writeTimeout, log, handle });
    const name = host.includes(":") ? `[${host}]` : host;
    return {
      url: `http://${name}:${listener.port}`,
      async close() {
        await listener.close(shutdownTimeout);
        await composition.close();
      },
    };
  } catch (error) {
    await composition.close();
    throw error;
  }
}

type Handle = (incoming: IncomingMessage, outgoing: ServerResponse, reply: Reply) => void | Promise<void>;

function handler(settings: ServerSettings, { parts, journey, validator, metrics }: Composition, log: Log): Handle {
  const rules = gateRules(settings);
  const addresses = new Addresses(settings);
  const record = recorder(metrics, log);
  const arrivals = new WeakMap<IncomingMessage, Arrival>();
  const isOriginOurs = settings.server.publicUrl !== undefined || rules.isHostChecked;
  const arrive = (incoming: IncomingMessage, reply: Reply, admitted: Admitted): Arrival => {
    const arrivedAt = performance.now();
    return { incoming, reply, admitted, ...addresses.of(incoming, admitted), isOriginOurs, arrivedAt };
  };
  const fixed = fixedRoutes({
    settings,
    validator,
    metrics,
    log,
    callers: parts.callers,
    arrivalOf: (incoming) => arrivals.get(incoming) as Arrival,
  });
  const answerFixed = getRequestListener(fixed.fetch, { overrideGlobalObjects: false });
  return (incoming, outgoing, reply) => {
    const admitted = admit(incoming, rules);
    if (isRefusal(admitted)) {
      metrics.refusal(admitted.refused);
      const { refused, reason } = admitted;
      log[catalogue[refused].level]({ request_id: reply.requestId, refused, reason }, "refused at the gate");
      reply.refuse(admitted);
      return undefined;
    }
    const arrival = arrive(incoming, reply, admitted);
    if (!isFixed(admitted.target.path, settings)) return carry(journey, arrival, record);
    arrivals.set(incoming, arrival);
    outgoing.setHeader("x-request-id", reply.requestId);
    return answerFixed(incoming, outgoing);
  };
}
