import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LoadedClient, loadClientSettings } from "@smcp/config";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { judgeRights } from "../src/local-secret.ts";

const SECRET = "correct-horse-battery";
let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "smcp-endpoint-"));
  writeSecret(`${SECRET}\n`);
});
afterEach(() => rmSync(cwd, { recursive: true }));

function load(flags: Record<string, string>, env: Record<string, string> = {}): LoadedClient {
  const all = { "server-url": "https://mcp.example.com", ...flags };
  return loadClientSettings({ flags: all, env: { XDG_CONFIG_HOME: join(cwd, "home"), ...env }, cwd });
}

function writeSecret(text: string, mode = 0o600): string {
  const file = join(cwd, "local-secret");
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

const failure = (message: string, hint: string) => expect.objectContaining({ message, hint, exitCode: 2 });
const HINT =
  "leave it at 127.0.0.1; another address needs --allow-remote-bind and --local-secret-file; in a container: " +
  'docker run -p 127.0.0.1:8081:8081 -v "$PWD/local-secret:/run/secrets/local:ro" smcp client --allow-remote-bind ' +
  "--local-secret-file=/run/secrets/local --server-url=URL";

describe("an address that others can reach", () => {
  test.each(["0.0.0.0", "::", "192.168.1.2", "mcp.local"])("L5: %s is refused without both flags", (host) => {
    const open = `"--host ${host}" would let other machines use this endpoint, which asks nobody who they are`;
    expect(() => load({ host })).toThrow(failure(open, HINT));
    expect(() => load({}, { SMCP_CLIENT_HOST: host })).toThrow(failure(open, HINT));
    expect(() => load({ host, "allow-remote-bind": "true" })).toThrow(failure(open, HINT));
    expect(() => load({ host, "local-secret-file": "local-secret" })).toThrow(
      failure(`"--host ${host}" would let other machines reach this endpoint`, HINT),
    );
    const both = { "allow-remote-bind": "true", "local-secret-file": "local-secret" };
    const { settings, warnings } = load({ host, ...both });
    expect(settings).toMatchObject({ host, port: 8081 });
    expect(settings.localSecret?.reveal()).toBe(SECRET);
    expect(JSON.stringify(settings)).not.toContain(SECRET);
    expect(warnings).toEqual([]);
  });

  test("is not judged where nothing listens on it", () => {
    const env = { SMCP_CLIENT_HOST: "0.0.0.0" };
    expect(load({ stdio: "/v1/docs" }, env).settings).toMatchObject({ stdioPath: "/v1/docs" });
    expect(load({ listen: "unix:/run/smcp/s" }, env).settings).toMatchObject({ socketPath: "/run/smcp/s" });
  });

  test("is none of this machine's own names", () => {
    expect(load({ host: "[::1]" }).settings.host).toBe("::1");
    expect(load({ host: "localhost" }).settings.host).toBe("localhost");
    expect(load({ host: "127.0.0.9" }).settings).not.toHaveProperty("localSecret");
  });
});

describe("the local secret", () => {
  test("is asked for on loopback too, and not at all with --stdio", () => {
    expect(load({ "local-secret-file": "local-secret" }).settings.localSecret?.reveal()).toBe(SECRET);
    const { settings, warnings } = load({ "local-secret-file": "nowhere", stdio: "/x" });
    expect(settings).not.toHaveProperty("localSecret");
    expect(warnings).toEqual(['"--local-secret-file" does nothing with --stdio: nothing listens']);
  });

  const HOW = "write one with: (umask 077; openssl rand -hex 32 > local-secret)";
  test.each([
    ["fifteen-letters\n", "has fewer than 16 characters"],
    ["", "has fewer than 16 characters"],
    ["two words of a secret", "is not one line of visible ASCII characters"],
    [`${SECRET}\n\n`, "is not one line of visible ASCII characters"],
    [`${SECRET}ü`, "is not one line of visible ASCII characters"],
    ["x".repeat(5_000), "is larger than 4KiB"],
  ])("%j is refused", (text, what) => {
    const file = writeSecret(text);
    expect(() => load({ "local-secret-file": "local-secret" })).toThrow(
      failure(`the local secret "${file}" ${what}`, HOW),
    );
  });

  test("that is not there is told, with how to make one", () => {
    expect(() => load({ "local-secret-file": "/nowhere/secret" })).toThrow(
      failure('the local secret "/nowhere/secret" cannot be read (ENOENT)', HOW),
    );
    expect(() => load({ "local-secret-file": cwd })).toThrow(
      failure(`the local secret "${cwd}" cannot be read (EISDIR)`, HOW),
    );
  });

  test.each([0o640, 0o604, 0o644, 0o660, 0o444])("that others can read (%o) is refused with the command", (mode) => {
    const file = writeSecret(SECRET, mode);
    const shown = mode.toString(8).padStart(4, "0");
    expect(() => load({ "local-secret-file": file })).toThrow(
      failure(`the local secret "${file}" is open to other users (mode ${shown})`, `chmod 600 ${file}`),
    );
  });

  test("that root put there, as containers' secrets are, may be read by others and not written", () => {
    for (const mode of [0o100444, 0o100440, 0o100400, 0o100644]) {
      expect(judgeRights({ uid: 0, mode }, 1_000)).toBeUndefined();
    }
    expect(judgeRights({ uid: 0, mode: 0o100666 }, 1_000)?.what).toBe("can be changed by other users (mode 0666)");
    expect(judgeRights({ uid: 0, mode: 0o100666 }, 1_000)?.hint("/run/my secret")).toBe("chmod go-w '/run/my secret'");
  });

  test("that is another user's is refused", () => {
    const problem = judgeRights({ uid: 1_001, mode: 0o100600 }, 1_000);
    expect(problem?.what).toBe("belongs to another user (1001)");
    expect(problem?.hint("x")).toBe("let user 1000 own it; in a container, run as its owner: docker run --user 1001");
  });
});

describe("--listen", () => {
  test("names a socket, from the working directory on", () => {
    expect(load({ listen: "unix:run/smcp.sock" }).settings.socketPath).toBe(join(cwd, "run/smcp.sock"));
  });

  test.each(["/run/smcp.sock", "unix:", "tcp:127.0.0.1:1", "unix"])("%j is none", (listen) => {
    expect(() => load({ listen })).toThrow(
      failure(`--listen: expected unix:PATH with the path of a socket, found "${listen}"`, "see smcp client --help"),
    );
  });

  test("is at most 104 bytes long", () => {
    const path = `/${"ü".repeat(51)}x`;
    expect(load({ listen: `unix:${path}` }).settings.socketPath).toBe(path);
    expect(() => load({ listen: `unix:${path}y` })).toThrow(
      failure(`--listen: expected a path of at most 104 bytes, found one of 105: "${path}y"`, "see smcp client --help"),
    );
  });

  test("makes the port idle, which is told where it was typed", () => {
    const { warnings } = load({ listen: "unix:/run/s", port: "1" }, { SMCP_CLIENT_HOST: "0.0.0.0" });
    expect(warnings).toEqual(['"--port" does nothing with --listen: there is only the socket']);
  });
});
