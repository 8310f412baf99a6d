import { Failure } from "@smcp/core";

/** A command line that cannot be understood: exit code 2. */
export function usageError(message: string, hint: string): Failure {
  return new Failure(message, hint, 2);
}
