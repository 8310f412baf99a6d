/**
 * A start or a command that cannot go on, told to a person: one sentence that names the thing, and what to do next.
 * Thrown at start-up and by commands only; a request that fails is a {@link Refusal}, never an exception.
 */
export class Failure extends Error {
  override readonly name = "Failure";
  /** One line that says what to do next. */
  readonly hint: string;
  /** The program's exit code: 1 failed, 2 wrong usage or configuration. */
  readonly exitCode: 1 | 2 | 4;

  constructor(message: string, hint: string, exitCode: 1 | 2 | 4 = 1) {
    super(message);
    this.hint = hint;
    this.exitCode = exitCode;
  }
}
