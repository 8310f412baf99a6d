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
});
