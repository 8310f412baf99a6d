/** The person in front of this machine: their browser, and the terminal that the program was started in. */
import { hasBrowserHere } from "./browser-here.ts";
import { openersOf, openPage } from "./opener.ts";
import type { Person } from "./person.ts";
import { promptLines, type Prompt } from "./words.ts";

/** A terminal, or something that is none. */
interface Screen {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** What is known of this machine. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly screen: Screen;
  /** Where what to do is shown: on a terminal alone (the default; elsewhere it is logged), or wherever the screen leads. */
  readonly shows?: "terminal" | "always";
  /** Default: this one. */
  readonly platform?: NodeJS.Platform;
}

/** The real person. Nothing is started before a page is opened. */
export function localPerson({ env, screen, shows, platform = process.platform }: Surroundings): Person {
  return {
    hasBrowser: hasBrowserHere(platform, env),
    open: (url) => openPage(url, openersOf(platform, env), env),
    show: async (prompt) => {
      if (screen.isTTY !== true && shows !== "always") return false;
      const scan = screen.isTTY === true ? await codeToScan(prompt, screen.columns ?? 0) : "";
      screen.write(`\n${promptLines(prompt).join("\n")}\n${scan}\n`);
      return true;
    },
  };
}

/** A QR code of the address where another device may open it and the terminal is wide enough; else "". */
export async function codeToScan({ code, url, completeUrl }: Prompt, columns: number): Promise<string> {
  // Without a code the answer comes back to this machine: scanning it elsewhere leads nowhere.
  if (code === undefined) return "";
  const { renderUnicodeCompact } = await import("uqr");
  const drawn = renderUnicodeCompact(completeUrl ?? url, { ecc: "L", border: 2 });
  const width = Math.max(...drawn.split("\n").map((line) => line.length));
  return width <= columns ? `${drawn}\n` : "";
}
