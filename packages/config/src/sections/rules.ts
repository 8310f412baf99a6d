/** `roles`, `policies`, `rate_limits` and `ip_filter`: who may do what, and how often. */
import { z } from "zod";
import { field } from "../field.ts";
import { duration, name, network, onOff, oneOf, text, whole } from "../scalars.ts";

const grants = z.array(
  field(
    z.union([
      name(),
      z.strictObject({
        tools: field(z.array(name()).min(1), { description: "the tools, as server:tool" }),
        when: field(name(), { description: "condition in CEL; an error in it denies" }),
      }),
    ]),
    { expected: "server:tool, or an object with tools and when" },
  ),
);

export const roles = field(
  z
    .record(
      z.string(),
      z.strictObject({
        allow: field(grants.default([]), { description: "tools that the role may call", example: ["slack:*"] }),
        deny: field(grants.default([]), { description: "tools that it may not call; any deny wins" }),
        resources: field(z.array(name()).default([]), { description: "resources and prompts that it may read" }),
        methods: field(z.array(name()).default([]), { description: "other methods that it may use" }),
        enforce: field(onOff().default(true), { description: "false records what it would do, and does not do it" }),
      }),
    )
    .optional(),
  { description: "what each role may do; what no role allows is denied" },
);

const condition = z.strictObject({
  param: field(name(), { description: "argument of the call that is looked at" }),
  operator: field(name(), { description: "how it is compared", example: "eq" }),
  value: field(z.unknown(), { description: "what it is compared with; ${caller.…} is filled in per call" }),
});

export const policies = field(
  z
    .array(
      z.strictObject({
        id: field(name(), { description: "unique name in records" }),
        roles: field(z.array(name()).default([]), { description: "roles that it speaks of", fallback: "all" }),
        enforce: field(onOff().default(true), { description: "false records what it would do, and does not do it" }),
        rules: field(
          z.array(
            z.strictObject({
              server: field(text().default("*"), { description: "glob on the server's id" }),
              tool: field(text().default("*"), { description: "glob on the tool's name" }),
              action: field(oneOf(["allow", "deny"]), { description: "what a call that fits gets" }),
              conditions: field(z.array(condition).default([]), { description: "all must hold" }),
            }),
          ),
          { description: "the rules, in any order" },
        ),
      }),
    )
    .optional(),
  { description: "rules as a list; same engine as roles" },
);

export const rateLimits = field(
  z
    .array(
      z.strictObject({
        name: field(name(), { description: "unique name in answers and metrics" }),
        match: field(
          z
            .strictObject({
              server: field(text().default("*"), { description: "glob on the server's id" }),
              tool: field(text().default("*"), { description: "glob on the tool's name" }),
            })
            .prefault({}),
          { description: "calls that it counts" },
        ),
        per: field(z.array(name()).default(["caller"]), { description: "what has a bucket of its own" }),
        limit: field(whole(1), { description: "calls in a window" }),
        window: field(duration(1), { description: "the window", example: "1m" }),
        burst: field(whole(0).default(0), { description: "calls on top that may come at once" }),
      }),
    )
    .default([]),
  { description: "how often callers may call" },
);

export const ipFilter = z
  .strictObject({
    allow: field(z.array(network()).default([]), { description: "networks that may connect", fallback: "all" }),
    deny: field(z.array(network()).default([]), { description: "networks that may not" }),
  })
  .prefault({});
