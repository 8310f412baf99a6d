import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test, vi } from "vitest";

import { hasBrowserHere } from "../src/sign-in/browser-here.ts";
import { desktopEnvironment, openersOf, openPage } from "../src/sign-in/opener.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "smcp-opener-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A program that notes its arguments, one a line. */
function recorder(): { program: string; said: string } {
  const place = folder();
  const program = join(place, "opener");
  const said = join(place, "said");
  writeFileSync(program, `#!/bin/sh\nprintf '%s\\n' "$@" > ${said}.part\nmv ${said}.part ${said}\n`);
  chmodSync(program, 0o700);
  return { program, said };
}

test("L8: the address is one argument of the opener, and no shell reads it", async () => {
  const { program, said } = recorder();
  const canary = join(folder(), "canary");
  const url = new URL(`https://idp.example.com/?a=$(touch ${canary})&b=\`touch ${canary}\`;touch ${canary}|'"\\`);
  expect(await openPage(url, [{ program, args: ["--"] }], {})).toBe(true);
  await vi.waitFor(() => expect(existsSync(said)).toBe(true), { timeout: 20_000 });
  expect(readFileSync(said, "utf8")).toBe(`--\n${url.href}\n`);
  expect(existsSync(canary)).toBe(false);
});

test("L8: what is no web page is given to no opener", async () => {
  const { program, said } = recorder();
  for (const text of [
    "file:///etc/passwd",
    "javascript:alert(1)",
    "http://idp.example.com/",
    "a:b",
    "https://u:p@x.example/",
  ]) {
    expect(await openPage(new URL(text), [{ program, args: [] }], {})).toBe(false);
  }
  expect(existsSync(said)).toBe(false);
});

test("an opener that is missing is passed over; none is told", async () => {
  const { program, said } = recorder();
  const url = new URL("https://idp.example.com/");
  const missing = { program: "/nonexistent/opener", args: [] };
  expect(await openPage(url, [missing], {})).toBe(false);
  expect(await openPage(url, [missing, { program, args: [] }], {})).toBe(true);
  await vi.waitFor(() => expect(existsSync(said)).toBe(true), { timeout: 20_000 });
});

test("L8: every opener has an absolute path, and none is a shell", () => {
  for (const platform of ["linux", "darwin", "win32", "freebsd"] as const) {
    for (const { program } of openersOf(platform, { SystemRoot: "C:\\Windows", PATH: "/evil" })) {
      expect(program).toMatch(/^(?:\/usr\/|\/bin\/|C:\\Windows\\System32\\)/);
      expect(program).not.toMatch(/cmd|powershell|sh$/i);
    }
  }
  expect(openersOf("win32", { SystemRoot: "..\\evil" })).toEqual([]);
});

test("an opener sees the desktop, and nothing of ours", () => {
  const env = {
    DISPLAY: ":0",
    HOME: "/home/a",
    SMCP_CLIENT_OIDC_CLIENT_SECRET: "s",
    AWS_SECRET: "s",
    XDG_RUNTIME_DIR: "/r",
  };
  expect(desktopEnvironment(env)).toEqual({ DISPLAY: ":0", HOME: "/home/a", XDG_RUNTIME_DIR: "/r" });
});

const HERE: readonly (readonly [string, NodeJS.Platform, Record<string, string>, string[], boolean])[] = [
  ["a Mac", "darwin", {}, [], true],
  ["Windows", "win32", {}, [], true],
  ["a Linux desktop", "linux", { DISPLAY: ":0" }, [], true],
  ["Wayland", "linux", { WAYLAND_DISPLAY: "wayland-0" }, [], true],
  ["a Linux server", "linux", {}, [], false],
  ["an empty display", "linux", { DISPLAY: "" }, [], false],
  ["SSH, forwarding X", "linux", { DISPLAY: ":10", SSH_CONNECTION: "a" }, [], false],
  ["SSH to a Mac", "darwin", { SSH_TTY: "/dev/ttys1" }, [], false],
  ["Docker", "linux", { DISPLAY: ":0" }, ["/.dockerenv"], false],
  ["podman", "linux", { DISPLAY: ":0", container: "podman" }, [], false],
];

for (const [title, platform, env, files, expected] of HERE) {
  test(`${title} ${expected ? "has" : "has no"} browser`, () => {
    expect(hasBrowserHere(platform, env, (path) => files.includes(path))).toBe(expected);
  });
}
