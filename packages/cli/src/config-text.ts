/** What `smcp config` found, in words for a person and as data for a program. */
import { type Checked, type Explained, type Explanation, formatProblem } from "@smcp/config";

/** One line for each problem, or that there is none. */
export function checkText({ file, problems, unbuilt, warnings }: Checked): string {
  const lines = problems.map((one) => formatProblem(file, one));
  for (const one of unbuilt) {
    lines.push(`${one.variable ?? `${file}:${one.line}`}: ${one.key}: not built yet in this version`);
  }
  for (const one of warnings) lines.push(`warning: ${one}`);
  const count = problems.length === 1 ? "one problem" : `${problems.length} problems`;
  if (problems.length === 0) lines.push(`${file} is right`);
  else lines.push(`smcp: "${file}" has ${count}`, "hint: smcp config explain KEY tells what a key takes");
  return `${lines.join("\n")}\n`;
}

/** The same for programs. */
export function checkJson({ file, problems, unbuilt, warnings }: Checked): Readonly<Record<string, unknown>> {
  return {
    file,
    ok: problems.length === 0,
    problems: problems.map(({ path, ...rest }) => ({ key: path.join("."), ...rest })),
    not_built_yet: unbuilt,
    warnings,
  };
}

/** A page about one key, or a line for each of several. */
export function explainText({ self, below }: Explanation): string {
  if (self && below.length === 0) return page(self);
  const head = self?.description ? `${self.key}: ${self.description}\n\n` : "";
  const rows = below.map((one) => [one.key, one.value ?? one.fallback ?? "not set", one.from] as const);
  const [first, second] = [0, 1].map((i) => Math.max(0, ...rows.map((row) => Math.min(row[i]?.length ?? 0, 48))));
  const lines = rows.map((row) => `${row[0].padEnd(first ?? 0)}  ${row[1].padEnd(second ?? 0)}  ${row[2]}\n`);
  return head + lines.join("");
}

const LATER = { whole: "not built yet in this version", part: "other values are not built yet in this version" };

function page({ key, description, type, fallback, value, from, example, variable, unbuilt }: Explained): string {
  const rows: [string, string | undefined][] = [
    ["type", type],
    ["default", fallback ?? "none"],
    ["value", value ?? fallback ?? "not set"],
    ["from", from],
    ["example", example],
    ["variable", variable],
    ["note", unbuilt && LATER[unbuilt]],
  ];
  const lines = rows.flatMap(([name, text]) => (text === undefined ? [] : [`  ${name.padEnd(10)}${text}\n`]));
  return `${key}\n  ${description}\n\n${lines.join("")}`;
}
