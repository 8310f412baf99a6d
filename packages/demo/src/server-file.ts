/** The configuration that the demo writes for `smcp server`, and the scratch folder around it. */
import { promises as files } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { referenceServerFile } from "./reference-server.ts";

/** Where the servers of the demo are reached, below the client or the server. */
export const PATHS = {
  everything: "/v1/everything",
  everythingHttp: "/v1/everything-http",
  memory: "/v1/memory",
  files: "/v1/files",
} as const;

export const WELCOME = "Hello from a file that an MCP server read for you, through smcp.\n";

/** Folders and files of one demo: nobody else may look into them, and nothing of them stays. */
export interface Scratch extends AsyncDisposable {
  readonly folder: string;
  /** What the filesystem server may see. */
  readonly files: string;
  readonly memory: string;
  readonly welcome: string;
}

/** Makes the scratch folder with a few files in it. */
export async function makeScratch(): Promise<Scratch> {
  // mkdtemp gives 0700. The real path, since the filesystem server compares real paths.
  const folder = await files.realpath(await files.mkdtemp(join(tmpdir(), "smcp-demo-")));
  const shared = join(folder, "files");
  const welcome = join(shared, "welcome.txt");
  await files.mkdir(shared);
  await files.writeFile(welcome, WELCOME);
  await files.writeFile(join(shared, "notes.md"), "# Notes\n\nThis folder goes away when the demo ends.\n");
  return {
    folder,
    files: shared,
    memory: join(folder, "memory.jsonl"),
    welcome,
    [Symbol.asyncDispose]: () => files.rm(folder, { recursive: true, force: true }),
  };
}

/** What the file depends on. */
export interface ServerFileFacts {
  readonly port: number;
  readonly issuer: string;
  /** URL of the MCP server over Streamable HTTP. */
  readonly upstream: string;
  readonly scratch: Scratch;
}

/** Writes the file and gives its path. */
export async function writeServerFile(facts: ServerFileFacts): Promise<string> {
  const { scratch } = facts;
  const node = (server: Parameters<typeof referenceServerFile>[0], ...args: string[]): Record<string, unknown> => ({
    command: process.execPath,
    args: [referenceServerFile(server), ...args],
    working_dir: scratch.folder,
  });
  const text = JSON.stringify(
    {
      server: {
        host: "127.0.0.1",
        port: facts.port,
        public_url: `http://127.0.0.1:${facts.port}`,
        shutdown_timeout: "2s",
      },
      auth: { mode: "oidc" },
      mcp: {
        backends: [
          backend("everything", PATHS.everything, { transport: "stdio", stdio: node("everything") }),
          backend("everything-http", PATHS.everythingHttp, { transport: "http", url: facts.upstream }),
          backend("memory", PATHS.memory, {
            transport: "stdio",
            stdio: { ...node("memory"), env: { MEMORY_FILE_PATH: scratch.memory } },
          }),
          backend("files", PATHS.files, { transport: "stdio", stdio: node("filesystem", scratch.files) }),
        ],
      },
      oidc: { issuers: [facts.issuer], audience: "api" },
    },
    undefined,
    2,
  );
  const file = join(scratch.folder, "server.json");
  // A path may hold "${": in the file that would be a reference.
  await files.writeFile(
    file,
    text.replaceAll("${", () => "$${"),
    { mode: 0o600 },
  );
  return file;
}

function backend(id: string, path: string, more: Record<string, unknown>): Record<string, unknown> {
  return { id, name: id, path, strip_path: true, ...more };
}
