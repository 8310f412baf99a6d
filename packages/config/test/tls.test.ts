import { describe, expect, test } from "vitest";
import { load, problemsOf } from "./loading.ts";

const PAIR = "cert_file: cert.pem, key_file: /k/key.pem";

describe("TLS at the server", () => {
  test("is off unless it is enabled", () => {
    expect(load(`tls: { ${PAIR} }\n`).settings.server).not.toHaveProperty("tls");
  });

  test.each([
    ["", {}],
    [", client_ca_file: ca.pem", { clientCaFile: "/srv/smcp/ca.pem" }],
    [", client_ca_file: ca.pem, client_auth: request", { clientCaFile: "/srv/smcp/ca.pem", clientAuth: "request" }],
    [', client_ca_file: ""', {}],
  ])("with%s", (more, expected) => {
    const { settings, unbuilt } = load(`tls: { enabled: true, ${PAIR}${more} }\n`);
    const pair = { certFile: "/srv/smcp/cert.pem", keyFile: "/k/key.pem" };
    expect(settings.server.tls).toEqual({ ...pair, clientAuth: "require", ...expected });
    expect(unbuilt).toEqual([]);
  });

  test("needs a certificate and a key, and authorities to judge callers by", () => {
    expect(problemsOf('tls: { enabled: true,\n  cert_file: "",\n  client_auth: require }\n')).toEqual([
      "smcp.yaml:1: tls.key_file: expected the name of a PEM file, as tls.enabled is true, found nothing",
      "smcp.yaml:2: tls.cert_file: expected the name of a PEM file, as tls.enabled is true, found nothing",
      "smcp.yaml:3: tls.client_auth: expected a client_ca_file beside it, to judge callers' certificates by, found none",
    ]);
    expect(problemsOf(`tls: { enabled: true, ${PAIR}, client_ca_file: ca.pem, client_auth: requir }\n`)).toEqual([
      'smcp.yaml:1: tls.client_auth: expected one of request, require, found "requir" (did you mean "require"?)',
    ]);
  });
});

describe("TLS towards a backend", () => {
  test("has its files beside the working directory", () => {
    const { settings } = load(`servers:
  a: { url: "https://a", ca_file: ca.pem }
  b: { url: "HTTPS://b", client_cert_file: cert.pem, client_key_file: /k/key.pem }
  c: { url: "https://c", ca_file: "" }
`);
    expect(settings.backends.map((one) => one.kind === "http" && one.tls)).toEqual([
      { caFile: "/srv/smcp/ca.pem" },
      { certFile: "/srv/smcp/cert.pem", keyFile: "/k/key.pem" },
      undefined,
    ]);
  });

  test("wants an https url, and a certificate with its key", () => {
    const text = `mcp:
  backends:
    - { id: a, path: /a, url: "http://a", ca_file: ca.pem }
    - { id: b, path: /b, url: "https://b", client_cert_file: cert.pem }
servers:
  c: { command: x, client_key_file: key.pem }
`;
    expect(problemsOf(text)).toEqual([
      "smcp.yaml:3: mcp.backends[0].ca_file: expected an https url beside it, found an http url",
      "smcp.yaml:4: mcp.backends[1]: expected both client_cert_file and client_key_file, found only client_cert_file",
      "smcp.yaml:6: servers.c.client_key_file: expected an https url beside it, found a command",
    ]);
  });
});

test("an issuer's authorities are in a file beside the working directory", () => {
  const { settings } = load('oidc: { issuers: [{ issuer: "https://idp.example.com", ca_file: idp.pem }] }\n');
  expect(settings.issuers[0]?.caFile).toBe("/srv/smcp/idp.pem");
});
