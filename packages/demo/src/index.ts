export { runDemo, type DemoOptions } from "./demo.ts";
export { startIssuer, type Issuer, type IssuerClient, type IssuerOptions, type SigningKey } from "./issuer.ts";
export type { Output } from "./steps.ts";
