/** What of our own environment a child may see. Everything else, our secrets above all, stays here. */

const ALLOWED = ["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"];

/**
 * The allow-list that the MCP SDK uses too: HOME, LOGNAME, PATH, SHELL, TERM, USER. A value that starts with `()` is an
 * exported shell function and is left out.
 */
export function safeEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const safe: Record<string, string> = {};
  for (const name of ALLOWED) {
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value !== undefined && !value.startsWith("()")) safe[name] = value;
  }
  return safe;
}
