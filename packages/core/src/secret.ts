/**
 * A value that prints, serialises and inspects as `[secret]`. The text is reachable only through {@link Secret.reveal},
 * which is called where a header or an environment variable is written and nowhere else.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The secret text itself. Never put the answer in a log, an error or a fact of an exchange. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}
