/** Answers the embedded provider's questions in a person's place, without a page: always the same account, always yes or no. */
import type { IncomingMessage, ServerResponse } from "node:http";

import type { Provider } from "oidc-provider";

/** What the person would do. */
export type Answer = "agree" | "decline";

/** Finishes one interaction: says who it is, then agrees to what is asked. */
export async function answerInteraction(
  provider: Provider,
  account: string,
  answer: Answer,
  [incoming, outgoing]: readonly [IncomingMessage, ServerResponse],
): Promise<void> {
  const details = await provider.interactionDetails(incoming, outgoing);
  if (answer === "decline") {
    const error = { error: "access_denied", error_description: "the person declined" };
    await provider.interactionFinished(incoming, outgoing, error, { mergeWithLastSubmission: false });
    return;
  }
  const { prompt, params, session } = details;
  if (prompt.name === "login") {
    await provider.interactionFinished(incoming, outgoing, { login: { accountId: account } });
    return;
  }
  const grant = new provider.Grant({ accountId: session?.accountId ?? account, clientId: String(params["client_id"]) });
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(" "));
  if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(" "));
  }
  const grantId = await grant.save();
  await provider.interactionFinished(incoming, outgoing, { consent: { grantId } });
}
