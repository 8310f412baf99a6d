/** `api_keys`, `agents`, `groups` and `default_roles`: who may call besides holders of an issuer's token. */
import { z } from "zod";
import { field } from "../field.ts";
import { name, network, onOff, oneOf, secret, text, whole } from "../scalars.ts";

const DATE = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2}))?$/;

const caller = {
  name: field(name(), { description: "name in rules and records" }),
  key: field(secret(16).optional(), { description: "the key itself", example: "${ALICE_KEY}" }),
  key_hash: field(secret(16).optional(), { description: "its hash instead of the key" }),
  role: field(name().optional(), { description: "the caller's one role" }),
  roles: field(z.array(name()).optional(), { description: "the caller's roles" }),
  expires_at: field(
    z
      .string()
      .refine((one) => DATE.test(one) && !Number.isNaN(Date.parse(one)))
      .optional(),
    {
      description: "last day (to its end, UTC) or moment at which the key is good",
      expected: "a date such as 2027-01-31 or a moment such as 2027-01-31T12:00:00Z",
    },
  ),
  enabled: field(onOff().default(true), { description: "whether the key is good at all" }),
  claims: field(z.record(z.string(), z.unknown()).default({}), { description: "claims that rules can read" }),
  allowed_servers: field(z.array(name()).optional(), { description: "servers that the key may use", fallback: "all" }),
  allowed_cidrs: field(z.array(network()).optional(), {
    description: "networks that it may come from",
    fallback: "all",
  }),
};

export const apiKeys = field(z.array(z.strictObject(caller)).default([]), {
  description: "keys of people and programs",
});

export const agents = field(
  z
    .array(
      z.strictObject({
        ...caller,
        owner: field(name().optional(), { description: "a label; it grants nothing" }),
        code_hash: field(text().optional(), { description: "hash of the agent's code, to be declared or proven" }),
        public_key: field(text().optional(), { description: "key that signs the agent's evidence" }),
        max_delegation_depth: field(whole(0, 16).default(0), { description: "how often it may pass its rights on" }),
        require_attestation: field(oneOf(["declared", "measured"]).optional(), {
          description: "what counts as proof of its code",
        }),
      }),
    )
    .default([]),
  { description: "keys of agents" },
);

export const groups = field(z.record(z.string(), z.array(name())).default({}), {
  description: "an identity provider's group -> roles",
  example: { "platform-engineers": ["eng"] },
});

export const defaultRoles = field(z.array(name()).default([]), {
  description: "roles of a caller whom nothing else maps",
});
