/** `listen`, `server`, `tls` and `metrics`: where and how the server is reached. */
import { z } from "zod";
import { field } from "../field.ts";
import {
  duration,
  hostValue,
  maybe,
  name,
  network,
  onOff,
  oneOf,
  origin,
  path,
  secret,
  size,
  text,
  whole,
} from "../scalars.ts";

export const listen = field(
  z
    .string()
    .regex(/^(?:\[[0-9A-Fa-f:.]+\]|[\w.-]*):\d{1,5}$/)
    .optional(),
  {
    description: "address and port in one, instead of server.host and server.port",
    expected: "an address and a port such as :8080 or 127.0.0.1:8080",
    example: ":8080",
  },
);

export const server = z
  .strictObject({
    host: field(text().optional(), {
      description: "address to listen on",
      fallback: "0.0.0.0, or 127.0.0.1 while nobody has to sign in",
      example: "127.0.0.1",
    }),
    port: field(whole(0, 65_535).default(8080), { description: "port to listen on; 0 takes any free one" }),
    read_timeout: field(duration(1).default(30_000), { description: "how long a request may take to arrive" }),
    write_timeout: field(duration(1).default(30_000), { description: "how long one pending write may be blocked" }),
    shutdown_timeout: field(duration().default(10_000), {
      description: "how long open requests may go on after a stop was asked for",
    }),
    public_url: field(maybe(origin()), {
      description: "the origin under which callers see the server",
      fallback: "as the request was received",
      example: "https://mcp.example.com",
    }),
    trusted_proxies: field(z.array(network()).default([]), {
      description: "proxies whose X-Forwarded-* headers are believed",
      example: ["10.0.0.0/8"],
    }),
    max_body: field(size().default(4 << 20), { description: "largest body of a request" }),
    max_streams: field(whole(1).default(1000), {
      description: "most event streams open at once; one caller may hold a quarter of them, and 16 in any case",
    }),
    allowed_origins: field(z.array(origin()).default([]), {
      description: "origins besides public_url whose pages may call",
      example: ["https://app.example.com"],
    }),
    allowed_hosts: field(z.array(hostValue()).default([]), {
      description: "values of the Host header that are served, besides public_url's and loopback",
      example: ["mcp.internal:8080"],
    }),
    session_key: field(maybe(secret(16)), {
      description: "key that binds session ids to their caller",
      fallback: "made once, in the data folder",
      example: "${env:SESSION_KEY}",
    }),
  })
  .prefault({});

export const tls = z
  .strictObject({
    enabled: field(onOff().default(false), { description: "serve https" }),
    cert_file: field(text().default(""), { description: "PEM file with the certificate and its chain" }),
    key_file: field(text().default(""), { description: "PEM file with the private key" }),
    client_ca_file: field(maybe(name()), {
      description: "PEM file with the authorities that callers' certificates must come from",
      fallback: "callers are asked for no certificate",
    }),
    client_auth: field(oneOf(["request", "require"]).optional(), {
      description: "whether a caller without a certificate, a probe too, is let in (request) or not (require)",
      fallback: "require with a client_ca_file",
    }),
  })
  .prefault({});

export const metrics = z
  .strictObject({
    enabled: field(onOff().default(true), { description: "serve metrics in Prometheus' text format" }),
    path: field(path().default("/metrics"), { description: "path of the metrics" }),
    listen: field(maybe(text()), { description: "another address for the metrics", example: "127.0.0.1:9090" }),
  })
  .prefault({});
