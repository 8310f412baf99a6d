/**
 * `smcp logout`: ends the sign-in of a profile at a server: on this machine in any case, at the issuer and at the server
 * where they can be reached.
 */
import type { Revocation, SignedOut } from "@smcp/client";
import { clientFlags, loadClientProfile, loadClientSettings } from "@smcp/config";
import { Failure } from "@smcp/core";
import type { Command, Context } from "../context.ts";
import { openLog } from "../log.ts";
import { wantsColour } from "../output.ts";
import { jsonText, outputFlag, readDataCommand } from "../output-flag.ts";

const NAMES: ReadonlySet<string> = new Set([
  "server-url",
  "profile",
  "ca-file",
  "oidc-issuer",
  "oidc-client-secret-file",
]);

const line = {
  command: "smcp logout",
  description: "Signs out: deletes the sign-in on this machine and has it revoked",
  flags: [...clientFlags.filter(({ name }) => NAMES.has(name)), outputFlag],
  examples: [
    ["smcp logout", "where somebody is signed in at one server only, or SMCP_SERVER_URL names it"],
    ["smcp logout --server-url https://mcp.example.com --profile work", "one account among several"],
  ],
} as const;

export const logout: Command = {
  async run(args, context) {
    const { env, cwd, stdout, stderr } = context;
    const read = await readDataCommand(line, args, { stdout });
    if (!read) return 0;
    const { flags, isJson } = read;
    const { server, profile } = await findServer(flags, context);
    const ended = server === undefined ? [] : await end({ ...flags, "server-url": server });
    const found = { server, profile, ended };
    stdout.write(isJson ? jsonText(asJson(found)) : asText(found));
    if (ended.every((one) => one.isDeleted)) return 0;
    throw new Failure("the sign-in is still on this machine", "delete the file that the warning above names");

    async function end(own: Readonly<Record<string, string | undefined>>): Promise<SignedOut[]> {
      const { settings, log: logging } = loadClientSettings({ flags: own, env, cwd });
      const log = await openLog({ ...logging, level: "warn", colour: wantsColour(stderr, env) });
      try {
        return await (await import("@smcp/client")).signOut(settings, log);
      } finally {
        await log.close();
      }
    }
  },
};

interface Found {
  readonly server: string | undefined;
  readonly profile: string;
  readonly ended: readonly SignedOut[];
}

/** The server that is named, else the only one that somebody is signed in to. */
async function findServer(
  flags: Readonly<Record<string, string | undefined>>,
  { env, cwd }: Context,
): Promise<{ readonly server: string | undefined; readonly profile: string }> {
  const { serverUrl, profile, stateFolder } = loadClientProfile({ flags, env, cwd });
  if (serverUrl) return { server: serverUrl.href, profile };
  const servers = await (await import("@smcp/client")).signedInServers(stateFolder, profile);
  if (servers.length <= 1) return { server: servers[0], profile };
  const list = servers.map((one) => `"${one}"`).join(", ");
  throw new Failure(`somebody is signed in to several servers: ${list}`, "name one of them with --server-url", 2);
}

function asText({ server, profile, ended }: Found): string {
  const place = `${server === undefined ? "" : ` at ${server}`} (profile "${profile}")`;
  if (ended.length === 0) return `nobody is signed in${place}\n`;
  return ended.map((one) => textOf(one, place)).join("");
}

function textOf({ was, isDeleted, refreshToken, accessToken, server }: SignedOut, place: string): string {
  const who = was?.email ?? was?.name ?? was?.subject;
  const head = `${isDeleted ? "signed out" : "not signed out"}${place}${who === undefined ? "" : `: ${who}`}`;
  const rows = [
    ["refresh token", refreshToken],
    ["access token", accessToken],
    ["at the server", server],
  ] as const;
  const told = rows.flatMap(([what, one]) => (one === "none" ? [] : [`  ${what.padEnd(15)}${sentenceOf(one)}`]));
  return `${[head, ...told].join("\n")}\n`;
}

function sentenceOf(one: Revocation): string {
  if (typeof one === "object") return `not revoked, it ends by itself: ${one.failed}`;
  return one === "unsupported" ? "ends by itself: revoking it is not supported" : one;
}

function asJson({ server, profile, ended }: Found): unknown {
  return { server: server ?? null, profile, signed_out: ended.map(entryOf) };
}

function entryOf({ was, isDeleted, refreshToken, accessToken, server }: SignedOut): unknown {
  const { issuer = null, subject = null, name = null, email = null } = was ?? {};
  const problems = [refreshToken, accessToken, server].flatMap((one) => (typeof one === "object" ? one.failed : []));
  return {
    issuer,
    subject,
    name,
    email,
    deleted: isDeleted,
    refresh_token: wordOf(refreshToken),
    access_token: wordOf(accessToken),
    server: wordOf(server),
    problems: [...new Set(problems)],
  };
}

function wordOf(one: Revocation): string {
  return typeof one === "object" ? "failed" : one;
}
