import { headerText } from "@smcp/core";

/** Who is behind a request. */
export interface Principal {
  readonly kind: "anonymous" | "oidc";
  /** The identity provider; `""` for the anonymous. */
  readonly issuer: string;
  /** Unique within the issuer; `""` for the anonymous. */
  readonly subject: string;
  /** For people to read; never decides anything. */
  readonly name: string | undefined;
  /** Absent where the issuer says it is not verified. */
  readonly email: string | undefined;
  readonly clientId: string | undefined;
  readonly groups: readonly string[];
  /** Issuer and subject in one text: what sessions and limits are bound to. */
  readonly key: string;
  /** What backends are told: a flat list of header names and values, fit to be sent. Made once, not for every request. */
  readonly told: readonly string[];
}

/** The headers that tell a backend of a subject and an email address. */
export function tell(subject: string, email: string | undefined): readonly string[] {
  const told = ["x-subject", headerText(subject)];
  if (email !== undefined) told.push("x-email", headerText(email));
  return told;
}

export const anonymous: Principal = Object.freeze({
  kind: "anonymous",
  issuer: "",
  subject: "",
  name: undefined,
  email: undefined,
  clientId: undefined,
  groups: [],
  key: "",
  told: [],
});
