/** The fixed routes: everything but probes that the server answers itself. Imported when the first of them is asked for. */
import type { IncomingMessage } from "node:http";

import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { Hono, type Context } from "hono";

import type { ServerSettings } from "@smcp/config";
import { isRefusal, toWire, type Log, type Refusal } from "@smcp/core";

import { METADATA_PATH, type Callers } from "../auth/callers.ts";
import type { Arrival } from "../exchange/facts.ts";
import type { Metrics } from "../record/metrics.ts";
import { clientDocument, CLIENT_DOCUMENT_PATH } from "./client-document.ts";
import { listModels } from "./models.ts";
import { resourceMetadata } from "./metadata.ts";

export interface FixedParts {
  readonly settings: ServerSettings;
  readonly callers: Callers;
  readonly metrics: Metrics;
  readonly log: Log;
  /** The arrival behind a request that the gate let through. */
  readonly arrivalOf: (incoming: IncomingMessage) => Arrival;
}

type Env = { Bindings: HttpBindings };

/** Builds what answers them, straight on Node's request and response. */
export function fixedListener(parts: FixedParts): ReturnType<typeof getRequestListener> {
  return getRequestListener(fixedRoutes(parts).fetch, { overrideGlobalObjects: false });
}

function fixedRoutes(parts: FixedParts): Hono<Env> {
  const { settings, callers, metrics } = parts;
  const app = new Hono<Env>();
  app.get("/api/models", async (c) => {
    const arrival = parts.arrivalOf(c.env.incoming);
    const principal = await callers.identify(arrival, "/");
    return isRefusal(principal) ? answer(c, principal, arrival) : c.json(listModels(settings.backends));
  });
  if (settings.metrics.enabled) {
    app.get(settings.metrics.path, async (c) => {
      const { text, type } = await metrics.text();
      return c.body(text, 200, { "content-type": type });
    });
  }
  app.get(`${METADATA_PATH}/*`, (c) => metadataOf(c, parts));
  app.get(METADATA_PATH, (c) => metadataOf(c, parts));
  app.get(CLIENT_DOCUMENT_PATH, (c) => {
    const document = clientDocument(settings);
    return document ? c.json(document, 200, { "cache-control": "max-age=300" }) : c.notFound();
  });
  app.notFound((c) => c.text("no backend is configured for this path\n", 404));
  app.onError((error, c) => {
    const { requestId } = parts.arrivalOf(c.env.incoming).reply;
    parts.log.error({ request_id: requestId, stack: error.stack }, "a request met a bug in smcp");
    return c.text("internal error\n", 500);
  });
  return app;
}

function metadataOf(c: Context<Env>, { settings, arrivalOf }: FixedParts): Response {
  const { origin, admitted } = arrivalOf(c.env.incoming);
  const document = resourceMetadata(settings, origin, admitted.target.path.slice(METADATA_PATH.length));
  if (!document) return c.text("no such resource\n", 404);
  return c.json(document, 200, { "cache-control": "max-age=300" });
}

function answer(c: Context<Env>, refusal: Refusal, { reply }: Arrival): Response {
  const { status, headers, body } = toWire(refusal, reply.requestId);
  return c.newResponse(body, { status: status as 401, headers });
}
