/**
 * Certificates made in the test that needs them, from fresh keys: an authority, what it signs, and what it should not have
 * signed. Node reads certificates but makes none, so the few DER structures are written here (X.690, RFC 5280).
 */
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";

/** A certificate and its key, in PEM. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
}

/** An authority in a test's hands. */
export interface Authority extends Certified {
  /**
   * A certificate for 127.0.0.1, ::1 and localhost.
   *
   * @param days how long it is good; a negative number is how long ago it ended
   */
  issue(name: string, days?: number): Certified;
}

const DAY = 86_400_000;

/** Makes an authority with a key of its own; two of the same name do not trust each other's certificates. */
export function certificateAuthority(name = "the tests' authority"): Authority {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const make = (subject: string, key: KeyObject, days: number, extensions: Buffer): string => {
    const from = Date.now() + Math.min(0, days * DAY) - DAY;
    const until = Date.now() + days * DAY;
    const body = sequence(
      tagged(0xa0, integer(2)),
      integer(++serial),
      ECDSA_SHA256,
      nameOf(name),
      sequence(time(from), time(until)),
      nameOf(subject),
      key.export({ type: "spki", format: "der" }),
      tagged(0xa3, sequence(extensions)),
    );
    return pem("CERTIFICATE", sequence(body, ECDSA_SHA256, bits(sign("sha256", body, privateKey))));
  };
  let serial = Date.now();
  return {
    cert: make(name, publicKey, 30, extension("551d13", true, sequence(boolean(true)))),
    key: pemOf(privateKey),
    issue(subject, days = 30) {
      const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
      return { cert: make(subject, own.publicKey, days, extension("551d11", false, HERE)), key: pemOf(own.privateKey) };
    },
  };
}

function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const size = body.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => tagged(0x30, ...parts);
const boolean = (value: boolean): Buffer => tagged(0x01, Buffer.from([value ? 0xff : 0]));
const object = (hex: string): Buffer => tagged(0x06, Buffer.from(hex, "hex"));
const text = (value: string): Buffer => tagged(0x0c, Buffer.from(value));
const bits = (value: Uint8Array): Buffer => tagged(0x03, Buffer.from([0]), value);
const nameOf = (value: string): Buffer => sequence(tagged(0x31, sequence(object("550403"), text(value))));
const ECDSA_SHA256 = sequence(object("2a8648ce3d040302"));

function integer(value: number): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
  // A first bit that is set would make it negative.
  return tagged(0x02, Buffer.from((bytes[0] ?? 0) < 0x80 ? [] : [0]), bytes);
}

/** UTCTime: YYMMDDhhmmssZ. */
function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return tagged(0x17, Buffer.from(digits.slice(2)));
}

function extension(hex: string, isCritical: boolean, value: Uint8Array): Buffer {
  return sequence(object(hex), ...(isCritical ? [boolean(true)] : []), tagged(0x04, value));
}

/** Every name of this machine itself, as alternative names. */
const HERE = sequence(
  tagged(0x82, Buffer.from("localhost")),
  tagged(0x87, Buffer.from([127, 0, 0, 1])),
  tagged(0x87, Buffer.from([...Array.from({ length: 15 }, () => 0), 1])),
);

function pem(what: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${what}-----`, ...lines, `-----END ${what}-----`, ""].join("\n");
}

function pemOf(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" });
}
