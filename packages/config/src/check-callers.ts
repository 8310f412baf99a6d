/** The rules between callers: who counts as one, unique names, roles that must exist, when nobody need be asked. */
import { isLoopbackName } from "@smcp/core";
import type { Finding } from "./finding.ts";
import { bare, listenHost } from "./listen.ts";
import { nearestOf } from "./nearest.ts";
import { type Path, quote } from "./problem.ts";
import { isRecord, listAt, textOf, valueAt } from "./untyped.ts";

/** What decides whether callers are asked who they are. */
export interface Callers {
  readonly issuers: number;
  readonly keys: number;
  readonly agents: number;
  readonly sso: boolean;
}

/** Which kinds of caller a file configures. */
export function countCallers(root: unknown): Callers {
  return {
    issuers: listAt(root, ["oidc", "issuers"]).length,
    keys: listAt(root, ["api_keys"]).length,
    agents: listAt(root, ["agents"]).length,
    sso: valueAt(root, ["sso"]) !== undefined,
  };
}

/** True when a file configures anybody who could sign in. */
export function hasCallers(callers: Callers): boolean {
  return callers.issuers + callers.keys + callers.agents > 0 || callers.sso;
}

/** Whether this file may run in a mode: somebody must be able to sign in, or only this machine may be asked nothing. */
export function checkMode(root: unknown, mode: string | undefined): Finding[] {
  if (hasCallers(countCallers(root))) return [];
  if (mode === "oidc") {
    const expected = "somebody who can sign in (oidc.issuers, api_keys, agents or sso)";
    return [{ path: ["auth", "mode"], expected, found: "nobody" }];
  }
  const listen = valueAt(root, ["listen"]);
  const path = typeof listen === "string" ? ["listen"] : ["server", "host"];
  const host = typeof listen === "string" ? listenHost(listen) : valueAt(root, path);
  if (mode !== undefined || typeof host !== "string" || host === "" || isLoopbackName(bare(host))) return [];
  const expected = 'a loopback address while nobody has to sign in, or "auth: { mode: none }" written out';
  return [{ path, expected, found: quote(host) }];
}

/** Each issuer once. */
export function checkIssuers(root: unknown): Finding[] {
  const seen = new Set<string>();
  return listAt(root, ["oidc", "issuers"]).flatMap((one, i): Finding[] => {
    const issuer = typeof one === "string" ? one : textOf(one, "issuer");
    const isKnown = issuer !== undefined && seen.has(issuer);
    if (issuer !== undefined) seen.add(issuer);
    return isKnown
      ? [{ path: ["oidc", "issuers", i], expected: "an issuer that is not listed yet", found: quote(issuer) }]
      : [];
  });
}

/** Names and keys of `api_keys` and `agents`. */
export function checkCallers(root: unknown): Finding[] {
  const names = new Set<string>();
  return ["api_keys", "agents"].flatMap((section) =>
    listAt(root, [section]).flatMap((one, i): Finding[] => {
      if (!isRecord(one)) return [];
      const at = [section, i];
      const findings: Finding[] = [];
      const name = textOf(one, "name");
      if (name !== undefined && names.has(name)) {
        findings.push({ path: [...at, "name"], expected: "a name that no other key or agent has", found: quote(name) });
      }
      if (name !== undefined) names.add(name);
      findings.push(...exactlyOne(one, at, ["key", "key_hash"]));
      if (one["role"] !== undefined && one["roles"] !== undefined) {
        findings.push({ path: at, expected: "role or roles", found: "both" });
      }
      return findings;
    }),
  );
}

function exactlyOne(one: Readonly<Record<string, unknown>>, path: Path, keys: readonly string[]): Finding[] {
  const count = keys.filter((key) => one[key] !== undefined).length;
  if (count === 1) return [];
  return [{ path, expected: keys.join(" or "), found: count === 0 ? "neither" : "both" }];
}

/** Roles that are given to somebody must be named by `roles` or `policies`. */
export function checkRoles(root: unknown): Finding[] {
  const roles = valueAt(root, ["roles"]);
  const known = new Set(isRecord(roles) ? Object.keys(roles) : []);
  for (const policy of listAt(root, ["policies"]))
    for (const role of listAt(policy, ["roles"])) known.add(String(role));

  const used: [Path, unknown][] = [];
  for (const section of ["api_keys", "agents"]) {
    for (const i of listAt(root, [section]).keys()) {
      used.push([[section, i, "role"], valueAt(root, [section, i, "role"])]);
      const several = listAt(root, [section, i, "roles"]);
      for (const [j, role] of several.entries()) used.push([[section, i, "roles", j], role]);
    }
  }
  const groups = valueAt(root, ["groups"]);
  for (const group of isRecord(groups) ? Object.keys(groups) : []) {
    for (const [j, role] of listAt(groups, [group]).entries()) used.push([["groups", group, j], role]);
  }
  for (const [j, role] of listAt(root, ["default_roles"]).entries()) used.push([["default_roles", j], role]);
  return used.flatMap(([path, role]) =>
    typeof role === "string" && !known.has(role) ? [unknownRole(path, role, known)] : [],
  );
}

function unknownRole(path: Path, role: string, known: ReadonlySet<string>): Finding {
  const nearest = nearestOf(role, known);
  const expected = "a role that roles or policies name";
  return { path, expected, found: quote(role), ...(nearest !== undefined && { nearest }) };
}
