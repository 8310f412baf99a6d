import manifest from "../package.json" with { type: "json" };

/** The version of the client. */
export const version: string = manifest.version;
