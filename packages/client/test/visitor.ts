/** A person in a test's hands: a browser that records what it is asked to open and goes there, or does not. */
import { browse, type Page } from "@smcp/testing";

import type { Person } from "../src/sign-in/person.ts";
import type { Prompt } from "../src/sign-in/words.ts";

export class Visitor implements Person {
  hasBrowser = true;
  /** Whether pages that are opened or shown are visited, too. */
  visits = true;
  /** Every page that was to be opened. */
  readonly opened: string[] = [];
  readonly prompts: Prompt[] = [];
  readonly pages: Promise<Page>[] = [];

  open(url: URL): Promise<boolean> {
    this.opened.push(url.href);
    if (this.visits) this.#visit(url.href);
    return Promise.resolve(true);
  }

  show(prompt: Prompt): Promise<boolean> {
    this.prompts.push(prompt);
    if (this.visits && !prompt.isOpened) this.#visit(prompt.completeUrl ?? prompt.url);
    return Promise.resolve(true);
  }

  /** Where the last visit ended. */
  page(): Promise<Page> {
    return this.pages.at(-1) ?? Promise.reject(new Error("no page was visited"));
  }

  #visit(url: string): void {
    const page = browse(url);
    // A test that is not about the page does not wait for it.
    page.catch(() => undefined);
    this.pages.push(page);
  }
}
