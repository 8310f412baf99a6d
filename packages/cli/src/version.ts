import manifest from "../package.json" with { type: "json" };

/** The version of smcp. */
export const version: string = manifest.version;
