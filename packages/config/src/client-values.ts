/** The values of the client's flags by name, and the sentences about those that are wrong. */
import { resolve } from "node:path";
import { Failure } from "@smcp/core";
import { readText } from "./find.ts";
import type { FlagValues } from "./flags.ts";
import { quote } from "./problem.ts";
import { normalisePath } from "./scalars.ts";

/** The values by name, and sentences about those that are wrong. */
export class Values {
  readonly #found: FlagValues;
  readonly #cwd: string;

  constructor(found: FlagValues, cwd: string) {
    this.#found = found;
    this.#cwd = cwd;
  }

  // The table guarantees the types: whoever asks for a number names a row that is one and has a default.
  number(name: string): number {
    return this.#found.values.get(name) as number;
  }

  isOn(name: string): boolean {
    return this.#found.values.get(name) === true;
  }

  text(name: string): string | undefined {
    return this.#found.values.get(name) as string | undefined;
  }

  list(name: string): readonly string[] {
    return (this.#found.values.get(name) as readonly string[] | undefined) ?? [];
  }

  path(name: string): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    return normalisePath(text) ?? this.fail(name, "a plain path such as /v1/docs", quote(text));
  }

  file(name: string): string | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : this.fileAt(text);
  }

  /** The absolute path of a file as a person named it. */
  fileAt(name: string): string {
    return resolve(this.#cwd, name);
  }

  /** The text of the file that a flag names, without a line end. */
  contents(name: string): string | undefined {
    const file = this.text(name);
    if (file === undefined) return undefined;
    const text = readText(file, this.#cwd)?.replace(/\r?\n$/, "");
    return text === undefined || text === ""
      ? this.fail(name, "a file that is there and not empty", quote(file))
      : text;
  }

  fail(name: string, expected: string, found: string): never {
    const where = this.#found.origins.get(name) ?? `--${name}`;
    throw new Failure(`${where}: expected ${expected}, found ${found}`, "see smcp client --help", 2);
  }
}

/** A property that is there only where it has a value. */
export function optional<K extends string, T>(key: K, value: T | undefined): { readonly [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: T };
}
