/** Rules on claims: what `required_claims` and `optional_claims` mean. Pure. */
import type { ClaimRules } from "@smcp/config";

import type { Claims } from "./jwt.ts";

/**
 * The first rule that the claims break, by its name; `undefined` when they keep all.
 *
 * @param isOptional a missing claim then keeps its rule; one that is null never does
 */
export function brokenRule(rules: ClaimRules, claims: Claims, isOptional: boolean): string | undefined {
  for (const [name, rule] of rules) {
    const value = lookUp(claims, name);
    if (value === undefined && isOptional && !asksExistence(rule)) continue;
    if (!isKept(rule, value, name)) return name;
  }
  return undefined;
}

/** A claim by its literal name, else by dotted path. Own members only: `constructor` is nobody's claim. */
function lookUp(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let at: unknown = claims;
  for (const part of name.split(".")) {
    if (typeof at !== "object" || at === null || Array.isArray(at) || !Object.hasOwn(at, part)) return undefined;
    at = (at as Claims)[part];
  }
  return at;
}

function isKept(rule: unknown, value: unknown, name: string): boolean {
  if (Array.isArray(rule)) return rule.some((one) => isKept(one, value, name));
  if (typeof rule === "object" && rule !== null) return isCompoundKept(rule as Claims, value, name);
  if (value === undefined || value === null) return false;
  if (typeof rule !== "string") return value === rule;
  if (Array.isArray(value)) return value.includes(rule);
  if (typeof value !== "string") return false;
  return name === "scope" || name === "scp" ? value.split(" ").includes(rule) : value === rule;
}

function isCompoundKept(rule: Claims, value: unknown, name: string): boolean {
  const { all, any, not, exists } = rule;
  if (exists !== undefined) return (value !== undefined && value !== null) === exists;
  if (Array.isArray(all)) return all.every((one) => isKept(one, value, name));
  if (Array.isArray(any)) return any.some((one) => isKept(one, value, name));
  if (Array.isArray(not)) return !not.some((one) => isKept(one, value, name));
  return false;
}

function asksExistence(rule: unknown): boolean {
  return typeof rule === "object" && rule !== null && Object.hasOwn(rule, "exists");
}
