import type { Flag } from "./flags.ts";

/** The flags that say how a program logs: the same for both. */
export const logFlags: readonly Flag[] = [
  { name: "log-level", kind: "string", alias: "l", description: "debug, info, warn or error", fallback: "info" },
  {
    name: "log-format",
    kind: "string",
    alias: "f",
    description: "how log lines look",
    fallback: "text",
    values: ["text", "json"],
  },
];
