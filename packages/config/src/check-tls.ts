/** The rules between the keys of TLS: what belongs together, and what means nothing where it stands. */
import type { Finding } from "./finding.ts";
import type { Path } from "./problem.ts";
import { isRecord, listAt, textOf, valueAt } from "./untyped.ts";

/** TLS at the server itself and towards the backends. */
export function checkTls(root: unknown): Finding[] {
  const servers = valueAt(root, ["servers"]);
  return [
    ...checkOwn(valueAt(root, ["tls"])),
    ...listAt(root, ["mcp", "backends"]).flatMap((one, i) => checkBackend(one, ["mcp", "backends", i])),
    ...Object.entries(isRecord(servers) ? servers : {}).flatMap(([id, one]) => checkBackend(one, ["servers", id])),
  ];
}

function checkOwn(tls: unknown): Finding[] {
  const findings: Finding[] = [];
  const enabled = valueAt(tls, ["enabled"]);
  for (const key of enabled === true || enabled === "true" ? ["cert_file", "key_file"] : []) {
    if (textOf(tls, key) !== undefined) continue;
    findings.push({ path: ["tls", key], expected: "the name of a PEM file, as tls.enabled is true", found: "nothing" });
  }
  if (valueAt(tls, ["client_auth"]) !== undefined && textOf(tls, "client_ca_file") === undefined) {
    const expected = "a client_ca_file beside it, to judge callers' certificates by";
    findings.push({ path: ["tls", "client_auth"], expected, found: "none" });
  }
  return findings;
}

function checkBackend(one: unknown, path: Path): Finding[] {
  const given = ["ca_file", "client_cert_file", "client_key_file"].filter((key) => textOf(one, key) !== undefined);
  const [first] = given;
  if (first === undefined) return [];
  const url = textOf(one, "url");
  if (url === undefined || /^http:/i.test(url)) {
    const found = url === undefined ? "a command" : "an http url";
    return [{ path: [...path, first], expected: "an https url beside it", found }];
  }
  const pair = given.filter((key) => key !== "ca_file");
  if (pair.length !== 1) return [];
  return [{ path, expected: "both client_cert_file and client_key_file", found: `only ${pair[0]}` }];
}
