#!/usr/bin/env -S node -C @smcp/source
// The program from source, as node_modules/.bin/smcp of a clone runs it.
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

enableCompileCache(fileURLToPath(new URL("../../../node_modules/.cache/smcp", import.meta.url)));
await import("../src/bin.ts");
