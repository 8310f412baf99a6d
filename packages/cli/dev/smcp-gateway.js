#!/usr/bin/env -S node -C @smcp/source
// `smcp-gateway --config F` is `smcp server --config F`.
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

enableCompileCache(fileURLToPath(new URL("../../../node_modules/.cache/smcp", import.meta.url)));
await import("../src/bin-gateway.ts");
