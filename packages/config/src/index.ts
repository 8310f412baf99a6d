export type { ClientSettings, ClientSignIn } from "./client-settings.ts";
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
