/** Loads text as the server would, for tests. */
import { ConfigInvalid, type LoadedServer, readServerSettings } from "@smcp/config";

export function load(text: string, env: Record<string, string> = {}, file = "smcp.yaml"): LoadedServer {
  return readServerSettings(text, { path: file, env, cwd: "/srv/smcp" });
}

/** The problems as they are printed, one a line, without the first sentence. */
export function problemsOf(text: string, env: Record<string, string> = {}, file = "smcp.yaml"): string[] {
  try {
    load(text, env, file);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error;
    return error.message
      .split("\n")
      .slice(1)
      .map((one) => one.trim());
  }
}
