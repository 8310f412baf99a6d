/** `configs/README.md`: every key, flag and variable, from the tables that the programs themselves read. */
import { CLIENT_PREFIX, clientFlags } from "../src/client-flags.ts";
import { describe, templatePath } from "../src/describe.ts";
import { findField } from "../src/field.ts";
import { type Flag, variablesOf } from "../src/flags.ts";
import { type Leaf, leavesOf, templateOf } from "../src/leaves.ts";
import { SERVER_VARIABLES } from "../src/overrides.ts";
import { serverFile } from "../src/schema.ts";
import { serverFlags } from "../src/server-flags.ts";
import { unbuiltPart } from "../src/unbuilt.ts";

const HEAD = `# Configuration

This page is generated from the tables that the programs themselves read (\`npm run generate\`): it cannot be out of date.

| file | what it is |
| --- | --- |
| [smcp.yaml](smcp.yaml) | a first configuration of \`smcp server\`, as \`smcp init\` writes it |
| [proxy-server.yml](proxy-server.yml) | the same in smcp-proxy's form |
| [proxy-client.yml](proxy-client.yml) | a configuration of \`smcp client\` |
| [smcp.example.yaml](smcp.example.yaml) | every key of the server's file with its default |
| [smcp.schema.json](smcp.schema.json) | JSON Schema of the server's file, for editors |
| [client.schema.json](client.schema.json) | the same of the client's file |

\`smcp config check\` tells everything that is wrong with a file; \`smcp config explain KEY\` tells what a key is set to and where
that comes from; \`smcp init\` writes a first file.

## How values are written

- The file is YAML 1.2 or JSON. Unknown keys, wrong types and duplicate keys are refused, all in one run, with file and line.
  A key without a value is absent. The three shapes (\`mcp.backends\`, \`servers\`, everything else) may stand in one file.
- Durations: \`500ms\`, \`1.5s\`, \`30s\`, \`1h30m\`; a bare number counts seconds, with a warning. Sizes: \`64KiB\`, \`4MiB\`.
  Dates: \`2027-01-31\` (to the end of that day, UTC) or \`2027-01-31T12:00:00Z\`.
- References, anywhere in text: \`\${env:NAME}\` (older: \`\${NAME}\`) is a variable of the environment, \`\${file:/path}\` the content
  of a file. A missing one refuses to start. \`$\${\` is a literal \`\${\`.
- Order: flag, environment, file, default. An empty variable is unset; a malformed one stops the start (exit code 2); an
  unknown one that begins with \`SMCP_\` is warned about.
- A change of the server's file, or SIGHUP, is taken up while it runs: whole, without dropping a connection, or not at all.
  Address, \`server.read_timeout\` and \`server.write_timeout\` need a restart.
- "Not built yet" means that the key is known and checked, and that this version refuses to start with it.
`;

/** The whole page. */
export function reference(): string {
  return [
    HEAD,
    "## The server's file\n",
    "Every key has a variable too: `SMCP_PROXY_` and the path with underscores, such as `SMCP_PROXY_SERVER_PORT`; lists are",
    "written with commas, members of lists by their place (`SMCP_PROXY_MCP_BACKENDS_0_URL`).\n",
    ...sections(),
    "## smcp server\n",
    flagTable(serverFlags, (flag) =>
      SERVER_VARIABLES.filter((one) => one.endsWith(`_${flag.name.replace("-", "_").toUpperCase()}`)),
    ),
    "The file is the first of `configs/proxy-server.yml`, `smcp.yaml`, `$XDG_CONFIG_HOME/smcp/smcp.yaml` and",
    "`/etc/smcp/smcp.yaml`, unless it is named. `smcp-gateway --config F` is `smcp server --config F`.\n",
    "## smcp client\n",
    "The keys of `$XDG_CONFIG_HOME/smcp/client.yaml` are the flags with underscores (`server_url`).\n",
    flagTable(clientFlags, (flag) => variablesOf(flag, CLIENT_PREFIX)),
  ].join("\n");
}

function sections(): string[] {
  const leaves = leavesOf(serverFile, templateOf(serverFile));
  const names = [...new Set(leaves.map(({ path }) => String(path[0])))];
  return names.map((name) => {
    const own = leaves.filter(({ path }) => path[0] === name);
    const about = upperFirst(findField(serverFile, [name])?.meta.description ?? "");
    const rows = table(["key", "takes", "default", "what it is"], own.map(row));
    return `### ${name}\n\n${own[0]?.path.length === 1 ? "" : `${about}.\n\n`}${rows}\n`;
  });
}

const LATER = { whole: "not built yet", part: "other values are not built yet" };

function row({ path, found }: Leaf): string[] {
  const { type, fallback, description, example } = describe(found);
  // A member of a map says nothing of itself: the map does.
  const about = description === "" ? (findField(serverFile, path.slice(0, -1))?.meta.description ?? "") : description;
  const part = unbuiltPart(path);
  const words = [upperFirst(about), part && LATER[part], exampleOf(example)];
  const otherwise = found.meta.fallback ?? code(fallback);
  return [code(templatePath(path)), type, otherwise, words.filter(Boolean).join("; ")];
}

function exampleOf(example: string | undefined): string {
  return example === undefined ? "" : `example: ${code(example)}`;
}

function flagTable(flags: readonly Flag[], variables: (flag: Flag) => readonly string[]): string {
  const rows = flags.map((flag) => {
    const names = [`--${flag.name}`, ...(flag.alias === undefined ? [] : [`-${flag.alias}`])];
    return [
      names.map(code).join(" "),
      takes(flag),
      code(flag.fallback),
      variables(flag).map(code).join(" "),
      upperFirst(flag.description) + later(flag),
    ];
  });
  return `${table(["flag", "takes", "default", "variable", "what it is"], rows)}\n`;
}

function takes({ kind, values }: Flag): string {
  if (values) return values.map(code).join(" ");
  if (kind === "switch") return "true or false";
  return kind === "list"
    ? "a list with commas"
    : kind === "string"
      ? "text"
      : `a ${kind}`.replace("a integer", "a whole number");
}

function later({ unbuilt }: Flag): string {
  if (unbuilt === undefined) return "";
  return unbuilt === true ? "; not built yet" : `; not built yet: ${unbuilt.map(code).join(" ")}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map(tableLine).join("\n");
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.map((one) => one.replaceAll("|", "\\|")).join(" | ")} |`;
}

function code(text: string | undefined): string {
  return text === undefined || text === "" ? "" : `\`${text}\``;
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
