/** The flags of `smcp server`: help, checks and the reference come from this table. */
import type { Flag } from "./flags.ts";
import { logFlags } from "./log-flags.ts";

export const serverFlags: readonly Flag[] = [
  {
    name: "config",
    kind: "string",
    alias: "c",
    description: "YAML or JSON file; left out: configs/proxy-server.yml, smcp.yaml, then the user's and the system's",
  },
  ...logFlags,
  { name: "auth-mode", kind: "string", description: "instead of the file's auth.mode", values: ["none", "oidc"] },
  {
    name: "output",
    kind: "string",
    description: "how --check prints",
    fallback: "text",
    values: ["text", "json"],
  },
  { name: "check", kind: "switch", description: "load everything, connect to nothing, print what would run, exit" },
];
