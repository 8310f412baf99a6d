/** Row L12, and what a store promises besides. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

import { Secret, silentLog } from "@smcp/core";
import { describe, expect, test } from "vitest";

import { oneAtATime, type KeyringEntry } from "../src/store/keyring.ts";
import { openSessionStore } from "../src/store/open.ts";
import { writePin } from "../src/store/pins.ts";
import { lockFile, sessionFile, type ProfilePlace } from "../src/store/place.ts";
import { keepLog, type KeptLog } from "./log.ts";
import { opened, placeIn, sampleSession, scratchFolder } from "./state-folder.ts";

const NO_KEYRING = (): Promise<KeyringEntry> => Promise.reject(new Error("no keyring in tests"));

/** A keyring in memory. */
function keyring(kept: { text?: string } = {}): () => Promise<KeyringEntry> {
  return () =>
    Promise.resolve({
      get: () => Promise.resolve(kept.text),
      set: (text) => {
        kept.text = text;
        return Promise.resolve();
      },
    });
}

/** A keyring that takes everything and keeps nothing. */
function forgetful(): Promise<KeyringEntry> {
  return Promise.resolve({ get: () => Promise.resolve(undefined), set: () => Promise.resolve() });
}

/** Every file of a folder, its text. */
function texts(folder: string): string {
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("\n");
}

function mode(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

async function written(place: ProfilePlace, session = sampleSession()): Promise<string> {
  const store = await openSessionStore(place, silentLog, NO_KEYRING);
  await store.exclusively(() => store.write(session));
  return sessionFile(place);
}

async function readAnew(place: ProfilePlace, log: KeptLog = keepLog(), keys = NO_KEYRING): Promise<unknown> {
  return opened(await (await openSessionStore(place, log, keys)).read());
}

test("what was written is read by another process, from a file of the user's own", async () => {
  const folder = scratchFolder();
  const place = placeIn(folder);
  const file = await written(place);
  expect(await readAnew(place)).toEqual(opened(sampleSession()));
  expect([mode(dirname(folder)), mode(folder), mode(file)]).toEqual(["700", "700", "600"]);
  expect(readdirSync(folder)).toEqual([`${place.group}-${place.key}.session.json`]);
});

test("a session with little in it comes back as it was", async () => {
  const place = placeIn(scratchFolder());
  const least = sampleSession({
    resource: undefined,
    lifetime: undefined,
    refreshToken: undefined,
    idToken: undefined,
    subject: undefined,
    name: undefined,
    email: undefined,
    registration: undefined,
    dpopKey: { kty: "EC", crv: "P-256", x: "x", y: "y", d: "d" },
  });
  await written(place, least);
  expect(await readAnew(place)).toEqual(opened(least));
});

test("a store in memory writes nothing", async () => {
  const folder = scratchFolder();
  const place = placeIn(folder, "memory");
  const store = await openSessionStore(place, silentLog, NO_KEYRING);
  await store.write(sampleSession());
  expect(await writePin(place, { issuer: "https://idp.example.com" })).toBe(true);
  expect(opened(await store.read())).toEqual(opened(sampleSession()));
  expect([store.isLasting, existsSync(folder)]).toEqual([false, false]);
  expect(await store.remove()).toBe(true);
  expect([await store.read(), await store.exists()]).toEqual([undefined, false]);
});

test("what is removed is gone for everybody", async () => {
  const place = placeIn(scratchFolder());
  const file = await written(place);
  const store = await openSessionStore(place, silentLog, NO_KEYRING);
  expect([await store.exists(), await store.remove(), await store.exists()]).toEqual([true, true, false]);
  expect([existsSync(file), await store.remove()]).toEqual([false, true]);
});

test("what a writer that died left behind goes with the next write, and with the sign-out whatever its age", async () => {
  const place = placeIn(scratchFolder());
  const file = await written(place);
  const [old, young, other] = [`${file}.a.tmp`, `${file}.b.tmp`, `${dirname(file)}/other.tmp`];
  const lock = `${lockFile(place)}.a.tmp`;
  for (const one of [old, young, other, lock]) writeFileSync(one, "hunter2");
  for (const one of [old, other, lock]) utimesSync(one, 0, 0);
  const store = await openSessionStore(place, silentLog, NO_KEYRING);
  await store.write(sampleSession());
  expect([old, lock, young].map((one) => existsSync(one))).toEqual([false, false, true]);
  await store.remove();
  expect([existsSync(young), existsSync(other)]).toEqual([false, true]);
});

describe("L12: a file that cannot be trusted", () => {
  const isRoot = process.getuid?.() === 0;
  const cases: readonly [string, (file: string, folder: string) => void, string][] = [
    ["open to others", (file) => chmodSync(file, 0o644), 'the file "FILE" is open to other users (mode 644)'],
    [
      "in a folder open to others",
      (_, folder) => chmodSync(folder, 0o750),
      'the folder "FOLDER" is open to other users (mode 750)',
    ],
    [
      "behind a link",
      (file) => {
        renameSync(file, `${file}.real`);
        symlinkSync(`${file}.real`, file);
      },
      '"FILE" is a link',
    ],
    [
      "that is a folder",
      (file) => {
        unlinkSync(file);
        mkdirSync(file);
      },
      '"FILE" is not a file',
    ],
    ["cut off", (file) => writeFileSync(file, readFileSync(file, "utf8").slice(0, 200)), '"FILE" is broken'],
    ["empty", (file) => writeFileSync(file, ""), '"FILE" is broken'],
    [
      "of another form",
      (file) => writeFileSync(file, '{"v":1,"server":"s","profile":"p","session":{}}'),
      '"FILE" is another profile\'s',
    ],
    ["of a later version", (file) => writeFileSync(file, '{"v":2}'), '"FILE" was written by another version of smcp'],
    ["too large", (file) => writeFileSync(file, "x".repeat(1_100_000)), '"FILE" is too large to be ours'],
    [
      "with a session that lacks a token",
      (file) => writeFileSync(file, readFileSync(file, "utf8").replace('"accessToken"', '"accessTok"')),
      '"FILE" is broken',
    ],
  ];

  test.each(cases)(
    "%s: is not used, told once, never deleted, and a new sign-in is kept in its place",
    async (_, tamper, why) => {
      const folder = scratchFolder();
      const place = placeIn(folder);
      const file = await written(place);
      tamper(file, folder);
      const log = keepLog();
      const store = await openSessionStore(place, log, NO_KEYRING);
      expect([await store.read(), await store.read(), await store.exists()]).toEqual([undefined, undefined, true]);
      const reason = why.replace("FILE", file).replace("FOLDER", folder);
      const [line = "{}", ...others] = log.lines;
      expect(others).toEqual([]);
      expect(JSON.parse(line)).toMatchObject({ level: "warn", message: "the stored sign-in is not used", reason });
      expect(existsSync(file)).toBe(true);
      const next = sampleSession({ accessToken: new Secret("hunter2-access-2") });
      await store.exclusively(() => store.write(next));
      expect(opened(await store.read())).toEqual(opened(next));
    },
  );

  test.runIf(isRoot)("of another user: is not used", async () => {
    const place = placeIn(scratchFolder());
    const file = await written(place);
    const { chownSync } = await import("node:fs");
    chownSync(file, 65_534, 65_534);
    const log = keepLog();
    expect(await readAnew(place, log)).toBeUndefined();
    expect(log.lines.join()).toContain("belongs to another user");
  });
});

test("L12: where no folder can be made the sign-in lives in this process, told once", async () => {
  const log = keepLog();
  const store = await openSessionStore(placeIn("/proc/smcp-cannot-be/here"), log, NO_KEYRING);
  expect(await store.read()).toBeUndefined();
  let runs = 0;
  for (let n = 0; n < 3; n++) {
    await store.exclusively(async () => {
      runs++;
      await store.write(sampleSession());
    });
  }
  expect(opened(await store.read())).toEqual(opened(sampleSession()));
  expect([runs, store.isLasting, await store.exists()]).toEqual([3, false, true]);
  expect(log.lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
    "the sign-in cannot be shared with other processes",
    "the sign-in cannot be kept on disk: it lasts until this program ends",
  ]);
});

function writeOnFullDisk(folder: string, refreshToken: string): { kept: string; isLasting: boolean; log: string[] } {
  const script = join(import.meta.dirname, "fixtures/full-disk.ts");
  const command = 'ulimit -f 0 && exec "$0" "$@"';
  const args = ["-c", command, process.execPath, "-C", "@smcp/source", script, folder, refreshToken];
  const { stdout, stderr } = spawnSync("sh", args, { encoding: "utf8", timeout: 20_000 });
  expect(stderr).toBe("");
  return JSON.parse(stdout) as { kept: string; isLasting: boolean; log: string[] };
}

describe("L12: on a full disk", () => {
  test("a renewed token is used from memory, and the stored session stays whole", async () => {
    const folder = scratchFolder();
    const place = placeIn(folder);
    const file = await written(place);
    const before = readFileSync(file, "utf8");
    const { kept, isLasting, log } = writeOnFullDisk(folder, "hunter2-refresh-1");
    expect([kept, isLasting]).toEqual(["hunter2-access-2", false]);
    expect(log).toHaveLength(2);
    expect(log.join()).not.toContain("hunter2");
    expect(readFileSync(file, "utf8")).toBe(before);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test("a refresh token that was replaced is not left to be used again: that would end the whole sign-in", async () => {
    const folder = scratchFolder();
    const file = await written(placeIn(folder));
    expect(writeOnFullDisk(folder, "hunter2-refresh-2").kept).toBe("hunter2-access-2");
    expect(existsSync(file)).toBe(false);
  });
});

describe("with a keyring", () => {
  test("the file holds nothing that can be read, and is read by whoever has the key", async () => {
    const folder = scratchFolder();
    const place = placeIn(folder, "auto");
    const ring: { text?: string } = {};
    const store = await openSessionStore(place, silentLog, keyring(ring));
    await store.exclusively(() => store.write(sampleSession()));
    const text = texts(folder);
    for (const secret of ["hunter2", "alice", "idp.example.com"]) expect(text).not.toContain(secret);
    expect(Buffer.from(ring.text ?? "", "base64url")).toHaveLength(32);
    expect(await readAnew(place, keepLog(), keyring(ring))).toEqual(opened(sampleSession()));
  });

  test("one key is made, however many processes need the first one at once", async () => {
    const folder = scratchFolder();
    const ring: { text?: string } = {};
    const places = ["a", "b", "c", "d"].map((profile) => placeIn(folder, "auto", { profile }));
    await Promise.all(
      places.map(async (place) => {
        const store = await openSessionStore(place, silentLog, keyring(ring));
        await store.write(sampleSession());
      }),
    );
    for (const place of places) expect(await readAnew(place, keepLog(), keyring(ring))).toBeDefined();
  });

  test.each<[string, (place: ProfilePlace) => () => Promise<KeyringEntry>, string]>([
    [
      "another key",
      () => keyring({ text: randomBytes(32).toString("base64url") }),
      "is sealed by another key, or was changed",
    ],
    ["no key", () => keyring({}), "is sealed by a keyring that has no key for it"],
  ])("with %s what is sealed is not used, and not deleted", async (_, keys, why) => {
    const place = placeIn(scratchFolder(), "auto");
    const store = await openSessionStore(place, silentLog, keyring());
    await store.write(sampleSession());
    const log = keepLog();
    expect(await readAnew(place, log, keys(place))).toBeUndefined();
    expect(log.lines.join()).toContain(why);
    expect(existsSync(sessionFile(place))).toBe(true);
  });

  test("L12: a file changed by one byte, or put into another profile's place, does not open", async () => {
    const folder = scratchFolder();
    const ring = keyring({});
    const [place, other] = [placeIn(folder, "auto"), placeIn(folder, "auto", { oidc: { scopes: ["other"] } })];
    const store = await openSessionStore(place, silentLog, ring);
    await store.write(sampleSession());
    const text = readFileSync(sessionFile(place), "utf8");
    writeFileSync(sessionFile(other), text, { mode: 0o600 });
    expect(await readAnew(other, keepLog(), ring)).toBeUndefined();
    const sealed = /"sealed":"(.)/.exec(text)?.[1];
    writeFileSync(sessionFile(place), text.replace(`"sealed":"${sealed}`, `"sealed":"${sealed === "A" ? "B" : "A"}`));
    expect(await readAnew(place, keepLog(), ring)).toBeUndefined();
  });

  test("auto without one keeps the sign-in in a private file, and says so once", async () => {
    const place = placeIn(scratchFolder(), "auto");
    const log = keepLog();
    const store = await openSessionStore(place, log, NO_KEYRING);
    await store.write(sampleSession());
    await store.write(sampleSession());
    expect(log.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        level: "warn",
        message: "there is no keyring to seal the sign-in with: it is in a file that only this user can read",
        reason: "no keyring in tests",
      },
    ]);
    expect(await readAnew(place)).toEqual(opened(sampleSession()));
  });

  test("keyring without one refuses to start", async () => {
    await expect(openSessionStore(placeIn(scratchFolder(), "keyring"), silentLog, NO_KEYRING)).rejects.toMatchObject({
      message: "there is no keyring for --token-store keyring: no keyring in tests",
      hint: "install @napi-rs/keyring beside smcp and unlock the keyring, or use --token-store auto",
      exitCode: 1,
    });
  });

  test("a keyring that never answers costs its time once, and is not asked again while a call waits", async () => {
    const limited = oneAtATime(20);
    const stuck = Promise.withResolvers<string>();
    await expect(limited(() => stuck.promise)).rejects.toThrow("the keyring did not answer in time");
    await expect(limited(() => Promise.resolve("x"))).rejects.toThrow("the keyring still does not answer");
    stuck.resolve("late");
    await stuck.promise;
    await new Promise(setImmediate);
    expect(await limited(() => Promise.resolve("x"))).toBe("x");
  });

  test("a keyring that does not keep what it takes is none", async () => {
    await expect(openSessionStore(placeIn(scratchFolder(), "keyring"), silentLog, forgetful)).rejects.toThrow(
      "the keyring did not keep the key",
    );
  });

  test("what auto sealed is read, and mended, by file", async () => {
    const folder = scratchFolder();
    const ring = keyring({});
    await (await openSessionStore(placeIn(folder, "auto"), silentLog, ring)).write(sampleSession());
    const store = await openSessionStore(placeIn(folder, "file"), silentLog, ring);
    expect(opened(await store.read())).toEqual(opened(sampleSession()));
    await store.write(sampleSession());
    expect(await readAnew(placeIn(folder, "file"))).toEqual(opened(sampleSession()));
  });
});
