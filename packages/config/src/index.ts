export { CLIENT_PREFIX, clientFlags } from "./client-flags.ts";
export {
  type ClientProfile,
  type ClientSource,
  loadClientProfile,
  loadClientSettings,
  type LoadedClient,
} from "./client-load.ts";
export type { ClientSettings, ClientSignIn } from "./client-settings.ts";
export { type Explained, explain, type Explanation } from "./explain.ts";
export { type Environment, type Flag, type FlagValues, type Given, resolveFlags, variablesOf } from "./flags.ts";
export { clientJsonSchema, serverJsonSchema } from "./json-schema.ts";
export {
  type Checked,
  checkServerFile,
  loadServerSettings,
  type LoadedServer,
  readServerSettings,
  type ServerSource,
} from "./load.ts";
export { nearestOf } from "./nearest.ts";
export { SERVER_PREFIX, SERVER_VARIABLES } from "./overrides.ts";
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
export { serverFlags } from "./server-flags.ts";
export { starterFile } from "./starter.ts";
export { stateFolder } from "./state-folder.ts";
