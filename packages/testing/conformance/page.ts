/** compatibility.md, from the tables that the tests run. */
import { EXCEPTIONS } from "./auth-exceptions.ts";
import { COMMANDS, PROGRAMS, SERVERS, VISITS, type ServerId } from "./cells.ts";
import { PASSES } from "./passes.ts";
import { STDIO_LACKS } from "./stdio-lacks.ts";
import { SUITES } from "./tool.ts";

type Cells = Readonly<Record<string, string>>;

/** The text of the page. */
export function compatibilityPage(): string {
  return `${[
    "# What works with what",
    "Written by `npm run generate` from the tables of `packages/testing/conformance`, each line of which is a test.",
    "## Apps and servers",
    "Every cell is visited twice, without smcp and through `smcp client` and `smcp server` with sign-in on, and both visits " +
      "come to the same: the tools are listed, a call tells its progress, the server asks the user something, a resource is " +
      "read, a call is cancelled, a changed list is announced. A cell shows the protocol version that both agree on, or how it fails, which is " +
      "how it fails without smcp. Legacy is 2025-11-25 and older, modern is 2026-07-28, dual is both; HTTP+SSE is of the legacy era only.",
    "SDK clients at the local endpoint:",
    matrix(VISITS, (app) => `SDK ${app}`),
    "The same clients with `smcp client --stdio` as the command that they start:",
    matrix(COMMANDS, (app) => `SDK ${app}`),
    "Programs:",
    matrix(PROGRAMS, (name) => name),
    "## The official conformance suites",
    "Checks passed by the project's own server of both eras, by itself and through client and server. The same checks pass, " +
      "compared one by one, over stdio but for the exceptions below. Scenarios of `tasks-*`, an extension that is run but " +
      "never scored, are not implemented by that server.",
    table(
      ["suite", "by itself", "through smcp, HTTP", "through smcp, stdio"],
      Object.entries(SUITES).map(([id, { name }]) => {
        const { http, stdio } = PASSES[id as keyof typeof SUITES];
        return [name, http, http, stdio].map(String);
      }),
    ),
    "What a server on stdio cannot offer:",
    table(["suite", "check", "why"], lacks()),
    "For clients, every scenario is gone through twice by an SDK client, by itself and through `smcp client`, and the same " +
      "checks pass, those of sign-in included: there the SDK's client signs in by itself, and then `smcp client` does. But for:",
    table(
      ["scenario", "why"],
      Object.entries(EXCEPTIONS).map(([scenario, why]) => [`\`${scenario}\``, why]),
    ),
  ].join("\n\n")}\n`;
}

function lacks(): string[][] {
  return Object.entries(STDIO_LACKS).flatMap(([suite, checks]) =>
    Object.entries(checks).map(([check, why]) => [SUITES[suite as keyof typeof SUITES].name, `\`${check}\``, why]),
  );
}

function matrix(rows: Partial<Readonly<Record<ServerId, Cells>>>, titleOf: (column: string) => string): string {
  const columns = Object.keys(Object.values(rows)[0] ?? {});
  return table(
    ["server", ...columns.map(titleOf)],
    Object.entries(rows).map(([id, cells]) =>
      [SERVERS[id as ServerId] as string].concat(columns.map((column) => shown(cells[column] ?? ""))),
    ),
  );
}

function shown(cell: string): string {
  return cell === "works" || /^\d{4}-\d\d-\d\d$/.test(cell) ? cell : `fails: \`${cell}\``;
}

/** Columns are filled up to one width, as the formatter would. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) =>
    Math.max(...[head, ...rows].map((row) => row[at]?.length ?? 0), title.length, 3),
  );
  const line = (cells: readonly string[], fill = " "): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0, fill)).join(" | ")} |`;
  return [
    line(head),
    line(
      head.map(() => ""),
      "-",
    ),
    ...rows.map((row) => line(row)),
  ].join("\n");
}
