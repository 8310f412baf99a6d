/** A size in bytes. */
export type Bytes = number;

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1_000,
  mb: 1_000_000,
  gb: 1_000_000_000,
  kib: 1 << 10,
  mib: 1 << 20,
  gib: 1 << 30,
};
const SIZE = /^(\d+(?:\.\d+)?)\s?([a-z]*)$/i;

/**
 * Reads a size: `4MiB`, `64KiB`, `1.5MB`, `4096`.
 *
 * @returns whole bytes, or `undefined` when the text is not a size
 */
export function parseBytes(text: string): Bytes | undefined {
  const found = SIZE.exec(text);
  const unit = found ? UNITS[(found[2] ?? "").toLowerCase()] : undefined;
  if (!found || unit === undefined) return undefined;
  const size = Math.round(Number(found[1]) * unit);
  return Number.isSafeInteger(size) ? size : undefined;
}

/** Writes a size the way {@link parseBytes} reads it: `4194304` is `4MiB`. */
export function formatBytes(size: Bytes): string {
  for (const [name, unit] of [
    ["GiB", 1 << 30],
    ["MiB", 1 << 20],
    ["KiB", 1 << 10],
  ] as const) {
    if (size >= unit && size % unit === 0) return `${size / unit}${name}`;
  }
  return `${size}B`;
}
