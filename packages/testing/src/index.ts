export { echo, recordingBackend, type Answer, type RecordingBackend, type Seen } from "./backend.ts";
export { browse, type Page } from "./browser.ts";
export { certificateAuthority, type Authority, type Certified } from "./certificates.ts";
export { everythingServer, type EverythingServer } from "./everything-server.ts";
export { collectLog, type CollectedLine } from "./log.ts";
export { sendRaw, type RawAnswer } from "./raw.ts";
export {
  httpBackend,
  serverSettings,
  startTestServer,
  stdioBackend,
  trust,
  type ServerChoices,
  type TestServer,
} from "./server.ts";
export { signingIssuer, type SigningIssuer } from "./issuer.ts";
