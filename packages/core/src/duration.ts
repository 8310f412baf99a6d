/** A length of time in milliseconds. */
export type Duration = number;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h)/g;

/**
 * Reads a duration in Go's syntax: `1h30m`, `1.5s`, `500ms`; `0` alone is zero.
 *
 * @returns milliseconds, or `undefined` when the text is not a duration
 */
export function parseDuration(text: string): Duration | undefined {
  if (text === "0") return 0;
  if (text.length > 64 || !WHOLE.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(PART)) total += Number(amount) * (UNITS[unit ?? ""] ?? Number.NaN);
  return Number.isFinite(total) ? total : undefined;
}

/** Writes a duration the way {@link parseDuration} reads it: `90000` is `1m30s`. */
export function formatDuration(duration: Duration): string {
  if (duration === 0) return "0s";
  if (duration % 1_000 !== 0) return duration < 1_000 ? `${duration}ms` : `${duration / 1_000}s`;
  const hours = Math.floor(duration / 3_600_000);
  const minutes = Math.floor((duration % 3_600_000) / 60_000);
  const seconds = (duration % 60_000) / 1_000;
  return `${hours ? `${hours}h` : ""}${minutes ? `${minutes}m` : ""}${seconds ? `${seconds}s` : ""}`;
}
