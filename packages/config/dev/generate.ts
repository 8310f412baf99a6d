// `npm run generate`: writes the files in configs/ that are made from the tables of this package.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { generatedFiles } from "./files.ts";

for (const [name, text] of generatedFiles()) writeFileSync(join(import.meta.dirname, "../../../configs", name), text);
