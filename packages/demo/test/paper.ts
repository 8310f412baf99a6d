import { EventEmitter } from "node:events";
import type { Output } from "../src/index.ts";

/** An output that keeps what is written on it. */
export const paper = (isTTY = false): Output & { readonly text: () => string } => {
  const written: string[] = [];
  return Object.assign(new EventEmitter(), {
    isTTY,
    write: (text: string) => written.push(text),
    text: () => written.join(""),
  });
};
