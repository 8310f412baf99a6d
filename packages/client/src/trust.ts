/** The certificates that the client trusts. */
import { readFile } from "node:fs/promises";
import { getCACertificates } from "node:tls";

import { describeError, Failure } from "@smcp/core";

/**
 * The system's roots and those of a file, in PEM; `undefined` where no file is given: what Node trusts by itself.
 *
 * @throws {Failure} when the file cannot be read or holds no certificate
 */
export async function readTrust(file: string | undefined): Promise<readonly string[] | undefined> {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new Failure(`cannot read the CA file "${file}": ${describeError(error)}`, "check --ca-file", 2);
  }
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new Failure(`the CA file "${file}" holds no certificate`, "give a file in PEM form", 2);
  }
  return [...getCACertificates("default"), text];
}
