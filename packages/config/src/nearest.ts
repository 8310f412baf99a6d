/**
 * The known name that was probably meant. It only ever compares names, never values.
 */

/** The nearest of `known` to `name`, or `undefined` when none is near enough to be meant. */
export function nearestOf(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(plain(name).length / 3));
  for (const one of known) {
    const away = distance(plain(name), plain(one), least);
    if (away <= least && (best === undefined || away < least)) {
      best = one;
      least = away;
    }
  }
  return best;
}

// `readTimeout`, `read-timeout` and `read_timeout` are one name to whoever types them.
function plain(name: string): string {
  return name.slice(0, 64).replace(/[-_.]/g, "").toLowerCase();
}

/** Insertions, deletions, replacements and swaps of neighbours between two names; beyond `limit` any larger number. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  // A border of two keeps every index inside the table: swaps look two back.
  const width = b.length + 2;
  const table = new Uint16Array((a.length + 2) * width).fill(999);
  const cell = (i: number, j: number): number => table[(i + 1) * width + j + 1] as number;
  for (let i = 0; i <= a.length; i++) {
    for (let j = 0; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = isSwap && i > 1 && j > 1 ? cell(i - 2, j - 2) + 1 : 999;
      const least = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + (isSame ? 0 : 1), swap);
      table[(i + 1) * width + j + 1] = i + j === 0 ? 0 : least;
    }
  }
  return cell(a.length, b.length);
}
