/** A running server: its listener, what stands behind it, and its end. */
import type { IncomingMessage } from "node:http";

import type { ServerSettings } from "@smcp/config";
import { catalogue, isRefusal, type Log } from "@smcp/core";
import { Deadlines, openGate, openListener, type Admitted, type Reply } from "@smcp/edge";

import type { ComposeOptions, Composition } from "./compose.ts";
import { carry } from "./exchange/carry.ts";
import type { Arrival } from "./exchange/facts.ts";
import { Addresses, gateRules } from "./http/address.ts";
import { isFixed } from "./http/fixed-paths.ts";
import type { fixedListener } from "./http/fixed.ts";
import { answerProbe, PROBES } from "./http/probes.ts";
import type { Metrics } from "./record/metrics.ts";
import { recorder } from "./record/record.ts";
import { Reloadable, type Handle } from "./reload.ts";

export interface RunningServer {
  /** `http://host:port`, or https, as it listens. */
  readonly url: string;
  /**
   * Puts other settings in the place of the present ones, whole: new requests meet them, those under way and open streams
   * go on as they began, and backends that did not change keep their sessions. One after the other.
   *
   * @param load gives the settings; when it throws, the present ones stay
   * @throws Failure when an address or a time-out of the listener would change, and whatever `load` throws
   */
  reload(load: () => ServerSettings): Promise<void>;
  /** Stops accepting, lets calls finish for the shutdown time-out, stops children. */
  close(): Promise<void>;
}

const TLS_KEYS = "tls.cert_file, tls.key_file and tls.client_ca_file";

/** Starts a server, or throws a `Failure` that names what is in the way. */
export async function startServer(
  settings: ServerSettings,
  log: Log,
  options: Partial<ComposeOptions> = {},
): Promise<RunningServer> {
  const all = { env: {}, version: "0.0.0", ...options };
  const served = await Reloadable.open(settings, log, all, (composition, metrics) =>
    handler(composition, metrics, log),
  );
  const { host, port, readTimeout, writeTimeout, tls: files } = settings.server;
  const tls = files && { ...files, named: TLS_KEYS };
  try {
    const handle: Handle = (incoming, outgoing, reply) => served.handle(incoming, outgoing, reply);
    const listener = await openListener({ host, port, readTimeout, writeTimeout, tls, log, handle });
    const name = host.includes(":") ? `[${host}]` : host;
    return {
      url: `${tls ? "https" : "http"}://${name}:${listener.port}`,
      reload: (load) => served.reload(load),
      async close() {
        await listener.close(served.settings.server.shutdownTimeout);
        await served.close();
      },
    };
  } catch (error) {
    await served.close();
    throw error;
  }
}

/** Ids as `smcp client` gives them: by one id a request is found in both logs. Anything else is not taken over. */
const REQUEST_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function handler({ parts, journey, validator }: Composition, metrics: Metrics, log: Log): Handle {
  const { settings } = parts;
  const rules = gateRules(settings);
  const admit = openGate(rules);
  const addresses = new Addresses(settings);
  const record = recorder(metrics, log);
  const arrivals = new WeakMap<IncomingMessage, Arrival>();
  const isOriginOurs = settings.server.publicUrl !== undefined || rules.isHostChecked;
  const arrive = (incoming: IncomingMessage, reply: Reply, admitted: Admitted): Arrival => {
    const arrivedAt = performance.now();
    return { incoming, reply, admitted, ...addresses.of(incoming, admitted), isOriginOurs, arrivedAt };
  };
  const arrivalOf = (incoming: IncomingMessage): Arrival => arrivals.get(incoming) as Arrival;
  let fixed: Promise<ReturnType<typeof fixedListener>> | undefined;
  // A framework costs a start 40 ms that most requests never need.
  const openFixed = async (): Promise<ReturnType<typeof fixedListener>> =>
    (await import("./http/fixed.ts")).fixedListener({ settings, metrics, log, callers: parts.callers, arrivalOf });
  const deadlines = new Deadlines(settings.server.writeTimeout);
  return (incoming, outgoing, reply) => {
    const admitted = admit(incoming);
    if (isRefusal(admitted)) {
      metrics.refusal(admitted.refused);
      const { refused, reason } = admitted;
      log[catalogue[refused].level]({ request_id: reply.requestId, refused, reason }, "refused at the gate");
      reply.refuse(admitted);
      return undefined;
    }
    const given = admitted.headers.get("x-request-id");
    if (given !== undefined && REQUEST_ID.test(given)) reply.requestId = given;
    const { path } = admitted.target;
    if (PROBES.has(path)) return answerProbe(admitted, validator, reply);
    const arrival = arrive(incoming, reply, admitted);
    if (!isFixed(path, settings)) return carry(journey, arrival, record);
    arrivals.set(incoming, arrival);
    // Written by hono, not by the reply, which would see that nobody reads.
    const deadline = deadlines.begin(() => outgoing.destroy());
    reply.onClosed(() => deadline.leave());
    outgoing.setHeader("x-request-id", reply.requestId);
    fixed ??= openFixed();
    return fixed.then((answer) => answer(incoming, outgoing));
  };
}
