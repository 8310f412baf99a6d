/**
 * Certificates and keys in files: read and judged as a whole, and read again when they changed. What is broken never takes
 * the place of what works. Knows files and PEM, no keys of a configuration.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext, getCACertificates, type SecureContext, type SecureContextOptions } from "node:tls";

import { describeError, Failure, type Log } from "@smcp/core";

/** Where certificates are, in PEM. */
export interface CertificateFiles {
  /** Authorities that the other end's certificate must come from. */
  readonly caFile?: string | undefined;
  /** Trust the authorities that Node trusts too. Default: those of the file alone. */
  readonly isCaExtra?: boolean;
  /** One's own certificate and its chain. */
  readonly certFile?: string | undefined;
  /** Its key, without a password. */
  readonly keyFile?: string | undefined;
  /** What names the files, for hints: `tls.cert_file and tls.key_file`. */
  readonly named: string;
}

/** What the files held when they were last in order. */
export interface CertificateTexts {
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
}

/** How long before its end a certificate is complained about: a fortnight. */
const SOON = 14 * 86_400_000;

export class Certificates {
  readonly #files: CertificateFiles;
  #state: string;
  #texts: CertificateTexts;

  /** Reads the files, or throws a {@link Failure} that names the one that is missing, unreadable or of another pair. */
  constructor(files: CertificateFiles) {
    this.#files = files;
    this.#state = stateOf(files);
    this.#texts = read(files);
  }

  get texts(): CertificateTexts {
    return this.#texts;
  }

  /**
   * Reads the files again where they changed. What cannot be used is told once, in the log, and what was read before stays.
   *
   * @returns true when there is something new
   */
  refresh(log: Log): boolean {
    const state = stateOf(this.#files);
    if (state === this.#state) return false;
    this.#state = state;
    try {
      this.#texts = read(this.#files);
      return true;
    } catch (error) {
      const { message, hint } = error as Failure;
      log.error({ hint }, `${message}: the certificates that were read before stay in use`);
      return false;
    }
  }

  /** Says what is in use now; louder where one's own certificate ends soon or has ended. */
  describe(log: Log, message: string): void {
    const { caFile, certFile } = this.#files;
    const own = this.#texts.cert === undefined ? undefined : new X509Certificate(this.#texts.cert);
    if (!own) {
      log.info({ ca: caFile }, message);
      return;
    }
    const { subject, validToDate: until } = own;
    const left = until.getTime() - Date.now();
    const fields = { certificate: certFile, ca: caFile, subject: subject?.replaceAll("\n", ", "), until };
    if (left > SOON) log.info(fields, message);
    else
      log.warn(fields, left > 0 ? `${message}: its certificate ends soon` : `${message}: its certificate has expired`);
  }
}

/** Trust in other ends, and one's own certificate towards them, as files say it at the moment. */
export interface Trust {
  /** For a new connection; another object after a change. */
  context(): SecureContext;
}

/**
 * Reads what a connection to another end needs; looked at again whenever a connection is opened.
 *
 * @throws Failure as {@link Certificates} does
 */
export function openTrust(files: CertificateFiles, log: Log): Trust {
  const certificates = new Certificates(files);
  const build = (): SecureContext => createSecureContext({ ...certificates.texts, minVersion: "TLSv1.2" });
  let context = build();
  certificates.describe(log, `${files.named} was read`);
  return {
    context() {
      if (certificates.refresh(log)) {
        context = build();
        certificates.describe(log, `${files.named} changed: new connections use it`);
      }
      return context;
    },
  };
}

function read({ caFile, isCaExtra = false, certFile, keyFile, named }: CertificateFiles): CertificateTexts {
  const ca = caFile === undefined ? undefined : readCertificate("CA", caFile, named);
  const cert = certFile === undefined ? undefined : readCertificate("certificate", certFile, named);
  const key = keyFile === undefined ? undefined : readKey(keyFile, named);
  const texts: SecureContextOptions & CertificateTexts = {
    ...(ca !== undefined && { ca: [...(isCaExtra ? getCACertificates("default") : []), ca] }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
  try {
    createSecureContext(texts);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH") {
      const message = `the key "${keyFile}" does not belong to the certificate "${certFile}"`;
      throw new Failure(message, "give the key that the certificate was made for, and its certificate first", 2);
    }
    const files = [caFile, certFile, keyFile].filter((one) => one !== undefined).map((one) => `"${one}"`);
    throw new Failure(`${files.join(" and ")} cannot be used for TLS: ${describeError(error)}`, `check ${named}`, 2);
  }
  return texts;
}

function readCertificate(what: string, file: string, named: string): string {
  const text = readText(what, file, named);
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new Failure(`the ${what} file "${file}" holds no certificate`, "give a file in PEM form", 2);
  }
  try {
    void new X509Certificate(text);
  } catch (error) {
    const message = `the ${what} file "${file}" holds a certificate that cannot be read: ${describeError(error)}`;
    throw new Failure(message, "give a file in PEM form", 2);
  }
  return text;
}

function readKey(file: string, named: string): string {
  const text = readText("key", file, named);
  try {
    createPrivateKey(text);
  } catch {
    // The library's own words depend on how the file is broken, and none of them helps.
    const message = `the key file "${file}" holds no private key that can be read`;
    throw new Failure(message, "give a file in PEM form, without a password", 2);
  }
  return text;
}

function readText(what: string, file: string, named: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Failure(`cannot read the ${what} file "${file}": ${describeError(error)}`, `check ${named}`, 2);
  }
}

/** Changes whenever one of the files was written, replaced, or swapped by a symbolic link above it. */
function stateOf({ caFile, certFile, keyFile }: CertificateFiles): string {
  return [caFile, certFile, keyFile].map(stateOfFile).join();
}

function stateOfFile(file: string | undefined): string {
  if (file === undefined) return "";
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch {
    return "gone";
  }
}
