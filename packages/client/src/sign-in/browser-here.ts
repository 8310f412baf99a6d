/** Whether the person sits in front of this machine. */
import { existsSync } from "node:fs";

type Environment = Readonly<Record<string, string | undefined>>;

/** What a container leaves for whoever looks. */
const CONTAINER_MARKERS = ["/.dockerenv", "/run/.containerenv"];

/** True when a browser on this machine can be expected: not over SSH, not in a container, on Linux with a desktop. */
export function hasBrowserHere(
  platform: NodeJS.Platform,
  env: Environment,
  exists: (path: string) => boolean = existsSync,
): boolean {
  const isSet = (name: string): boolean => (env[name] ?? "") !== "";
  if (isSet("SSH_CONNECTION") || isSet("SSH_TTY")) return false;
  if (isSet("container") || isSet("KUBERNETES_SERVICE_HOST") || CONTAINER_MARKERS.some(exists)) return false;
  return platform !== "linux" || isSet("DISPLAY") || isSet("WAYLAND_DISPLAY");
}
