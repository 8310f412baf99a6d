#!/usr/bin/env node
// `smcp-gateway --config F` is `smcp server --config F`.
process.argv.splice(2, 0, "server");
await import("./bin.ts");
