// oidc-provider has no types of its own: what the issuer uses of it.
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  export interface TokenContext {
    get(header: string): string;
  }

  export class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>);
    callback(): (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;
  }

  export const errors: { readonly InvalidTarget: new (description?: string) => Error };
}

declare module "oidc-provider/lib/adapters/memory_adapter.js" {
  export function createMemoryAdapter(): unknown;
}
