/**
 * Opens a page in the person's browser: by a program with an absolute path and the address as one argument, never through a
 * shell, which would read an address as a command (CVE-2025-6514).
 */
import { spawn } from "node:child_process";
import { constants, promises as files } from "node:fs";

import { safeEnvironment } from "@smcp/edge";

import { openable } from "./openable.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A program that opens an address, and its arguments before the address. */
export interface Opener {
  readonly program: string;
  readonly args: readonly string[];
}

/** The programs that may be there, the best first. */
export function openersOf(platform: NodeJS.Platform, env: Environment): readonly Opener[] {
  if (platform === "darwin") return [{ program: "/usr/bin/open", args: [] }];
  if (platform === "win32") {
    const root = env["SystemRoot"] ?? "";
    // Not "cmd /c start", which reads & and ^ in an address.
    return /^[A-Za-z]:\\[\w\\]+$/.test(root)
      ? [{ program: `${root}\\System32\\rundll32.exe`, args: ["url.dll,FileProtocolHandler"] }]
      : [];
  }
  const programs = ["/usr/bin/xdg-open", "/usr/local/bin/xdg-open", "/bin/xdg-open", "/usr/bin/wslview"];
  return programs.map((program) => ({ program, args: [] }));
}

// What a desktop's programs need to find the desktop; secrets of ours are not among them.
const DESKTOP =
  /^(?:DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|BROWSER|DESKTOP_SESSION|DBUS_SESSION_BUS_ADDRESS|XDG_\w+|LANG|LC_\w+|WSL\w*|SystemRoot|LOCALAPPDATA|APPDATA|USERPROFILE|TEMP)$/;

/** What an opener sees of our environment. */
export function desktopEnvironment(env: Environment): Record<string, string> {
  const desktop = Object.entries(env).filter(
    (pair): pair is [string, string] => DESKTOP.test(pair[0]) && pair[1] !== undefined && !pair[1].startsWith("()"),
  );
  return { ...safeEnvironment(env), ...Object.fromEntries(desktop) };
}

/** Starts the first opener that is there; ends with false where there is none. Never rejects. */
export async function openPage(url: URL, openers: readonly Opener[], env: Environment): Promise<boolean> {
  const page = openable(url.href);
  if (!page) return false;
  for (const opener of openers) {
    if (await start(opener, page, env)) return true;
  }
  return false;
}

async function start({ program, args }: Opener, page: URL, env: Environment): Promise<boolean> {
  try {
    await files.access(program, constants.X_OK);
    const child = spawn(program, [...args, page.href], {
      env: desktopEnvironment(env),
      cwd: "/",
      shell: false,
      stdio: "ignore",
      // It may become the browser, which outlives us.
      detached: true,
    });
    return await new Promise<boolean>((resolve) => {
      child.once("spawn", () => resolve(true));
      child.once("error", () => resolve(false));
      child.unref();
    });
  } catch {
    return false;
  }
}
