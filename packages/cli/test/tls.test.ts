import { get } from "node:https";
import { describe, expect, test } from "vitest";
import { certificateAuthority } from "@smcp/testing";
import { Folder } from "./program.ts";

const authority = certificateAuthority();

function withPair(folder: Folder): void {
  const { cert, key } = authority.issue("here");
  folder.write("ca.pem", authority.cert);
  folder.write("cert.pem", cert);
  folder.write("key.pem", key);
}

const TLS = "tls: { enabled: true, cert_file: cert.pem, key_file: key.pem }";
const FILE = `server: { host: 127.0.0.1, port: 0 }\nauth: { mode: none }\n${TLS}\n`;

function health(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = get(`${url}/health`, { ca: authority.cert, agent: false }, (answer) => {
      answer.resume().once("end", () => resolve(answer.statusCode));
    });
    request.once("error", reject);
  });
}

describe("with a certificate", () => {
  test("smcp server and smcp client print https addresses, answer there and end as ever", async () => {
    using folder = new Folder();
    withPair(folder);
    folder.write("smcp.yaml", FILE);
    const server = folder.start(["server"]);
    const [, serverUrl = ""] = await server.says(/address: (https:\/\/127\.0\.0\.1:\d+)/);
    const pair = ["--tls", "--tls-cert", "cert.pem", "--tls-key=key.pem"];
    const client = folder.start(["client", "--port=0", "--server-url", serverUrl, "--ca-file=ca.pem", ...pair]);
    const [, clientUrl = ""] = await client.says(/(https:\/\/127\.0\.0\.1:\d+) relays to https:/);
    expect([await health(serverUrl), await health(clientUrl)]).toEqual([200, 200]);
    for (const program of [client, server]) {
      program.child.kill("SIGTERM");
      expect(await program.ended).toMatchObject({ code: 0, stdout: "" });
    }
  });

  test("smcp server --check says https", async () => {
    using folder = new Folder();
    folder.write("smcp.yaml", FILE);
    expect((await folder.run(["server", "--check"])).stdout).toContain("address: https://127.0.0.1:0\n");
  });
});

test("without the file of its certificate smcp server exits 2 and says which", async () => {
  using folder = new Folder();
  folder.write("smcp.yaml", FILE);
  const { code, stderr } = await folder.run(["server"]);
  expect(code).toBe(2);
  expect(stderr).toContain(`cannot read the certificate file "${folder.path}/cert.pem": ENOENT`);
  expect(stderr).toContain("hint: check tls.cert_file, tls.key_file and tls.client_ca_file\n");
});
