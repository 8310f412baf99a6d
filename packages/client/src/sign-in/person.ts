/** The person at this machine, as far as a sign-in needs them: something to show a page with, somewhere to tell them. */
import type { Prompt } from "./words.ts";

/** A port; {@link localPerson} is the real one. */
export interface Person {
  /** True when a browser on this machine can be expected. */
  readonly hasBrowser: boolean;
  /** Opens a page; ends with true when an opener was started. Never rejects. */
  open(url: URL): Promise<boolean>;
  /** Shows what to do; false where nobody reads (then it is logged). Never throws. */
  show(prompt: Prompt): Promise<boolean>;
}
