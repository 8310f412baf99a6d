/** How many checks the fixture passes, over HTTP and over stdio: with fewer it would be no measure of anything. */
import type { SUITES } from "./tool.ts";

export const PASSES: Readonly<Record<keyof typeof SUITES, { readonly http: number; readonly stdio: number }>> = {
  "0.1.16": { http: 44, stdio: 43 },
  "2025-11-25": { http: 84, stdio: 80 },
  "2026-07-28": { http: 164, stdio: 164 },
};
