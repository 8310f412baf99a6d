// The last part of `npm run generate`: writes compatibility.md from the tables of the tests.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { compatibilityPage } from "./page.ts";

writeFileSync(join(import.meta.dirname, "../compatibility.md"), compatibilityPage());
