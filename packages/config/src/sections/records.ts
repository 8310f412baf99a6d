/** `identity_forwarding`, `audit`, `metering`, `storage` and `telemetry`: what is told and kept about calls. */
import { z } from "zod";
import { field } from "../field.ts";
import { duration, name, onOff, oneOf, secret, text } from "../scalars.ts";

export const identityForwarding = z
  .strictObject({
    mode: field(oneOf(["off", "headers", "jwt"]).default("headers"), { description: "how backends learn who calls" }),
  })
  .prefault({});

export const audit = z
  .strictObject({
    enabled: field(onOff().default(true), { description: "keep a record of every decision" }),
    storage: field(oneOf(["sqlite", "postgres", "memory"]).default("sqlite"), { description: "where it is kept" }),
    path: field(text().default("./smcp-data"), { description: "the data folder" }),
    arguments: field(oneOf(["none", "hash", "full"]).default("hash"), { description: "what is kept of arguments" }),
    responses: field(oneOf(["none", "hash", "full"]).default("none"), { description: "what is kept of answers" }),
    durability: field(oneOf(["normal", "full"]).default("normal"), { description: "whether every record is synced" }),
    checkpoint: field(
      z
        .strictObject({
          interval: field(duration(1).default(1_000), { description: "time between signed checkpoints" }),
          key_file: field(name().optional(), { description: "file with the key that signs them" }),
        })
        .prefault({}),
      { description: "signed checkpoints of the record" },
    ),
  })
  .optional();

export const metering = z
  .strictObject({
    enabled: field(onOff().default(true), { description: "count calls, bytes and cost" }),
    prices: field(z.record(z.string(), field(z.number().min(0), { expected: "a number from 0 on" })).default({}), {
      description: "price of a call by server:tool",
      example: { "github:*": 0.001 },
    }),
  })
  .optional();

const storeUrl = (description: string): z.ZodDefault<z.ZodString> =>
  field(z.string().default(""), { description, expected: "a URL, or nothing", fallback: "embedded", secret: true });

export const storage = z
  .strictObject({
    postgres_url: storeUrl("PostgreSQL for what must last"),
    redis_url: storeUrl("Redis or Valkey for counters, sessions and announcements"),
  })
  .prefault({});

export const telemetry = z
  .strictObject({
    otlp_endpoint: field(secret(0).default(""), {
      description: "OpenTelemetry collector",
      expected: "a URL, or nothing",
    }),
  })
  .prefault({});
