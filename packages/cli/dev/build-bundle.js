// What is bundled, and how: shared by the package (build.js) and the single executable (build-binary.js). What is left
// out or put off here is so for the time to the first answer and for the memory at rest, never for what the program does.
import http2 from "node:http2";
import https from "node:https";
import tls from "node:tls";
import { fileURLToPath } from "node:url";

/** The folder of this package, with a slash. */
export const cli = fileURLToPath(new URL("..", import.meta.url));
/** The folder of the repository, with a slash. */
export const root = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Builtins whose ESM face reads every property, and so runs getters that load what nobody asked for: `import
 * "node:http"` loads Node's own copy of undici (25 ms, 10 MB). Taken as an object they do not.
 */
const FACELESS = ["fs", "http", "process", "util"];

/** Builtins that are costly to load and seldom needed: loaded when one of their members is first read. */
const LATE = { http2, https, tls };

/**
 * @returns {import("rolldown").Plugin}
 */
function builtins() {
  const names = [...FACELESS, ...Object.keys(LATE)].join("|");
  return {
    name: "builtins",
    resolveId: {
      filter: { id: new RegExp(`^(node:)?(${names})$`) },
      handler: (id) => ({ id: `\0builtin/${id.replace("node:", "")}.cjs`, moduleSideEffects: false }),
    },
    load: {
      filter: { id: /^\0builtin\// },
      handler(id) {
        const name = /^\0builtin\/(.*)\.cjs$/.exec(id)?.[1] ?? "";
        if (FACELESS.includes(name)) return `module.exports = process.getBuiltinModule("node:${name}");`;
        return lateBuiltin(name, LATE[/** @type {keyof typeof LATE} */ (name)]);
      },
    },
  };
}

/**
 * @param {string} name
 * @param {object} builtin
 */
function lateBuiltin(name, builtin) {
  const members = Object.keys(builtin).filter((one) => one !== "Http2ServerRequest");
  return `
    let real;
    const load = () => (real ??= process.getBuiltinModule("node:${name}"));
    module.exports = {
      ${members.map((one) => `get ${one}() { return load().${one}; },`).join("\n")}
    };
    ${name === "http2" ? HTTP2_REQUEST : ""}
  `;
}

// @hono/node-server asks of every request whether it is one of HTTP/2: before that is loaded, none is.
const HTTP2_REQUEST = `
  module.exports.Http2ServerRequest = class {
    static [Symbol.hasInstance](one) { return real !== undefined && one instanceof real.Http2ServerRequest; }
  };
`;

/**
 * yargs measures its help with two versions of string-width, which build tables of Unicode as they load (50 ms). Our
 * help is ASCII.
 *
 * @returns {import("rolldown").Plugin}
 */
function asciiWidth() {
  return {
    name: "ascii-width",
    resolveId: { filter: { id: /^string-width$/ }, handler: () => "\0string-width" },
    load: {
      filter: { id: /^\0string-width$/ },
      handler: () => `
        import { stripVTControlCharacters } from "node:util";
        export default (text) => stripVTControlCharacters(text).length;
      `,
    },
  };
}

/** Options of rolldown that every form of the program shares. */
export const bundling = {
  // Else the files name the folders of the machine that builds them.
  cwd: root,
  platform: /** @type {const} */ ("node"),
  resolve: { conditionNames: ["@smcp/source", "node", "import", "default"] },
  treeshake: { moduleSideEffects: [{ test: /\/packages\/[a-z]+\/src\/(?!bin)/, sideEffects: false }] },
  plugins: [builtins(), asciiWidth()],
};
