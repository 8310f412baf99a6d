/** The corpus of malformed, ambiguous and merely odd HTTP requests, by subject. */
import type { Family } from "./case.ts";
import { bodies, endings, expectations, pipelining, upgrades } from "./families/connections.ts";
import { chunks, lengths, smuggling, trailers } from "./families/framing.ts";
import { headerLimits, headerSyntax, repeated } from "./families/headers.ts";
import { hosts } from "./families/hosts.ts";
import { methods, requestLine, strangers, versions } from "./families/request-line.ts";
import { characters, encodings, paths, targetForms, traversal } from "./families/targets.ts";

export const corpus: readonly Family[] = [
  requestLine,
  versions,
  strangers,
  methods,
  targetForms,
  traversal,
  encodings,
  characters,
  paths,
  hosts,
  headerSyntax,
  headerLimits,
  repeated,
  lengths,
  smuggling,
  chunks,
  trailers,
  pipelining,
  upgrades,
  expectations,
  bodies,
  endings,
];
