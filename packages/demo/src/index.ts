export { startIssuer, type Issuer, type IssuerClient, type IssuerOptions, type SigningKey } from "./issuer.ts";
