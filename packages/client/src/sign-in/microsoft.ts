/** Microsoft's providers (Entra, B2C, External ID), which read two parameters in a way of their own. */
const HOSTS = /(?:^|\.)(?:microsoftonline\.(?:com|us|cn)|b2clogin\.com|ciamlogin\.com)$/;

/** True for an issuer of theirs. */
export function isMicrosoft(issuer: string): boolean {
  return HOSTS.test(new URL(issuer).hostname);
}
