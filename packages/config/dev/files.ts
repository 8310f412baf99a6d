/** The files in `configs` that are made from the tables of this package. */
import { clientJsonSchema, serverJsonSchema } from "../src/json-schema.ts";
import { starterFile } from "../src/starter.ts";
import { example } from "./example.ts";
import { reference } from "./reference.ts";

/** For editors that speak YAML. */
export const SCHEMA_LINE = "# yaml-language-server: $schema=./smcp.schema.json\n";

/** The text of each file by its name. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ["README.md", reference()],
    ["client.schema.json", `${JSON.stringify(clientJsonSchema(), undefined, 2)}\n`],
    ["smcp.example.yaml", SCHEMA_LINE + example()],
    ["smcp.schema.json", `${JSON.stringify(serverJsonSchema(), undefined, 2)}\n`],
    ["smcp.yaml", SCHEMA_LINE + starterFile()],
  ]);
}
