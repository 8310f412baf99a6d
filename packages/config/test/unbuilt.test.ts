import { describe, expect, test } from "vitest";
import { refuseUnbuilt } from "@smcp/config";
import { load } from "./loading.ts";

function keys(text: string): string[] {
  return load(text).unbuilt.map((one) => `${one.key}:${one.line}`);
}

test("a start with one such key names it, its line and what to do", () => {
  const { unbuilt, file } = load("auth: { mode: none }\nroles: {}\n");
  expect(() => refuseUnbuilt(unbuilt, file)).toThrow(
    expect.objectContaining({
      message: '"roles" (smcp.yaml:2) is not built yet in this version',
      hint: "take it out, or stay on the version you have; smcp server --check shows what would run",
      exitCode: 2,
    }),
  );
});

test("a start with several names them all, one without goes on", () => {
  const { unbuilt, file } = load("storage: { redis_url: x }\nmetering: {}\n");
  expect(() => refuseUnbuilt(unbuilt, file)).toThrow(
    '"storage.redis_url" (smcp.yaml:1), "metering" (smcp.yaml:2) are not built yet in this version',
  );
  expect(() => refuseUnbuilt([], file)).not.toThrow();
});

describe("listed", () => {
  test.each([
    ["policies: []", ["policies:1"]],
    ["identity_forwarding: { mode: jwt }", ["identity_forwarding.mode:1"]],
    ["identity_forwarding: { mode: off }", ["identity_forwarding.mode:1"]],
    ["metrics: { listen: '127.0.0.1:9' }", ["metrics.listen:1"]],
    ["ip_filter: { deny: [10.0.0.0/8] }", ["ip_filter.deny:1"]],
    ["storage: { redis_url: 'redis://x' }", ["storage.redis_url:1"]],
    ["telemetry: { otlp_endpoint: 'http://x' }", ["telemetry.otlp_endpoint:1"]],
    ["audit: {}", ["audit:1"]],
    ["servers: { a: { url: http://a, token_header: x } }", ["servers.a.token_header:1"]],
  ])("%s", (text, expected) => {
    expect(keys(`${text}\n`)).toEqual(expected);
  });
});

describe("not listed, as it asks for nothing that is missing", () => {
  test.each([
    "api_keys: []",
    "agents: []",
    "groups: {}",
    "default_roles: []",
    "rate_limits: []",
    "ip_filter: { allow: [], deny: [] }",
    "audit: { enabled: false }",
    "metering: { enabled: false }",
    "storage: { postgres_url: '', redis_url: '' }",
    "telemetry: { otlp_endpoint: '' }",
    "tls: { enabled: false, cert_file: '', key_file: '' }",
    "identity_forwarding: { mode: headers }",
    "servers: { a: { command: x, isolation: shared, era: modern, credential_mode: gateway } }",
  ])("%s", (text) => {
    expect(keys(`${text}\n`)).toEqual([]);
  });
});
