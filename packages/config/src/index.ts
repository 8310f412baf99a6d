export type { ClientSettings, ClientSignIn } from "./client-settings.ts";
export { loadServerSettings, type LoadedServer, readServerSettings, type ServerSource } from "./load.ts";
export { nearestOf } from "./nearest.ts";
export { ConfigInvalid, formatProblem, type Path, type Problem } from "./problem.ts";
export { type ServerFile, serverFile } from "./schema.ts";
export type {
  Backend,
  BackendCommon,
  ClaimRules,
  HttpBackend,
  Issuer,
  ListenSettings,
  ServerSettings,
  StdioBackend,
} from "./settings.ts";
export { refuseUnbuilt, type Unbuilt } from "./unbuilt.ts";
