/**
 * The names of headers, lower-case. Those that come with most requests are recognised as they are usually written: a text
 * that is compared costs less than one that is converted, and the constant found has its hash already.
 */
const USUAL = [
  "Host",
  "Accept",
  "Origin",
  "Connection",
  "User-Agent",
  "Content-Type",
  "Mcp-Method",
  "Mcp-Name",
  "Authorization",
  "X-Request-Id",
  "Content-Length",
  "Mcp-Session-Id",
  "Accept-Encoding",
  "Accept-Language",
  "Transfer-Encoding",
  "Mcp-Protocol-Version",
];

interface Spelling {
  readonly written: string;
  readonly name: string;
}

/** By length: few names share one. */
const bySize: readonly (readonly Spelling[] | undefined)[] = spellings();

function spellings(): readonly (readonly Spelling[])[] {
  const table: Spelling[][] = [];
  for (const usual of USUAL) {
    const name = usual.toLowerCase();
    (table[usual.length] ??= []).push({ written: name, name }, { written: usual, name });
  }
  return table;
}

/** The lower-case form of a header's name. */
export function lowerName(raw: string): string {
  const known = bySize[raw.length];
  if (known) for (const { written, name } of known) if (written === raw) return name;
  return raw.toLowerCase();
}
