/** `mcp` and `servers`: the MCP servers behind the gateway, in smcp-proxy's and in SMCP Gateway's form. */
import { z } from "zod";
import { field } from "../field.ts";
import { duration, headerName, httpUrl, looseText, name, onOff, oneOf, path, text, whole, maybe } from "../scalars.ts";

const environment = (): z.ZodType<Record<string, string>> =>
  field(z.record(field(z.string().regex(/^[\w.-]+$/), { expected: "the name of a variable" }), looseText()), {
    description: "variables for the command besides the few that it inherits",
    // Tokens for the child usually come this way.
    secret: true,
  });

const command = {
  command: field(maybe(name()), { description: "program to start", example: "npx" }),
  args: field(z.array(looseText()).default([]), {
    description: "its arguments",
    example: ["-y", "@modelcontextprotocol/server-memory"],
  }),
  env: environment().default({}),
  working_dir: field(text().default("."), { description: "folder that it starts in" }),
  stdio_timeout: field(duration(1).optional(), {
    description: "how long it may take to answer",
    fallback: "the backend's timeout",
  }),
};

// Which of them the gateway itself decides on: passing them on would undo that.
export const OWN_HEADERS =
  /^(?:authorization|dpop|proxy-.*|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-length|expect|x-forwarded-.*|x-request-id|x-subject|x-email|forwarded)$/;

const common = {
  name: field(maybe(name()), { description: "name for people", fallback: "the id" }),
  transport: field(oneOf(["http", "stdio"]).optional(), {
    description: "how it is spoken to",
    fallback: "http with a url, stdio with a command",
  }),
  url: field(maybe(httpUrl()), {
    description: "its address; one that ends in /sse speaks the transport of 2024-11-05",
    example: "http://docs.internal/mcp",
  }),
  ca_file: field(maybe(name()), {
    description: "PEM file with the authorities to trust for an https url",
    fallback: "the system's",
    example: "/etc/smcp/backends-ca.pem",
  }),
  client_cert_file: field(maybe(name()), {
    description: "PEM file with the certificate that it is shown, and its chain",
  }),
  client_key_file: field(maybe(name()), { description: "PEM file with that certificate's key" }),
  stdio: field(z.strictObject(command).optional(), { description: "the command of a stdio backend" }),
  timeout: field(duration(1).optional(), {
    description: "wait for response headers (http) or for the answer (stdio)",
    fallback: "mcp.timeout",
  }),
  model: field(text().default(""), { description: "model name told in /api/models and X-Proxy-Model" }),
  max_tokens: field(whole(0).default(0), { description: "number told in /api/models" }),
  forward_headers: field(
    z
      .array(
        field(
          headerName().refine((one) => !OWN_HEADERS.test(one)),
          { expected: "the name of a header that is not the gateway's own" },
        ),
      )
      .default([]),
    { description: "further request headers that go to the backend", example: ["x-tenant"] },
  ),
  credentials: field(
    z
      .strictObject({
        headers: field(z.record(headerName(false), text()).default({}), {
          description: "headers that are added to every request",
          secret: true,
          example: { Authorization: "Bearer ${SLACK_BOT_TOKEN}" },
        }),
      })
      .optional(),
    { description: "the stored secret for the backend" },
  ),
  credential_mode: field(oneOf(["gateway", "passthrough", "optional"]).optional(), {
    description: "whose secret the backend gets: the stored one, the caller's own, or the caller's if there is one",
    fallback: "gateway",
  }),
  token_header: field(maybe(headerName()), {
    description: "header with the caller's own token",
    fallback: "X-<name>-Token",
  }),
  isolation: field(oneOf(["session", "principal", "shared"]).optional(), {
    description: "who shares a child process of the modern era; the legacy era has one for each session",
    fallback: "session for the legacy era, principal for the modern one",
  }),
  idle_ttl: field(duration(1).default(1_800_000), { description: "a child without a request for this long is ended" }),
  max_children: field(whole(1, 4096).default(64), {
    description:
      "most child processes at once; one caller may have a quarter of them, and 4 in any case, but never all",
  }),
  era: field(oneOf(["auto", "legacy", "modern"]).optional(), {
    description: "MCP era of a stdio backend; auto asks a child of its own, once in a while",
    fallback: "auto",
  }),
};

export const mcp = z
  .strictObject({
    timeout: field(duration(1).default(60_000), { description: "default timeout of the backends" }),
    backends: field(
      z
        .array(
          z.strictObject({
            id: field(maybe(name()), {
              description: "unique name in rules, logs and metrics",
              fallback: "backend-<name>",
            }),
            path: field(path(), {
              description: "path on this server, a prefix on segment boundaries",
              example: "/v1/docs",
            }),
            strip_path: field(onOff().default(false), { description: "leave path out of the upstream's" }),
            ...common,
          }),
        )
        .default([]),
      { description: "MCP servers behind the gateway, in smcp-proxy's form" },
    ),
    endpoints: field(z.array(text()).default([]), { description: "deprecated, not served: list them as backends" }),
  })
  .prefault({});

export const servers = field(
  z
    .record(
      z.string(),
      z.strictObject({
        path: field(path().optional(), { description: "path on this server", fallback: "/mcp/<name>" }),
        strip_path: field(onOff().default(true), { description: "leave path out of the upstream's" }),
        ...command,
        ...common,
      }),
    )
    .default({}),
  { description: "MCP servers behind the gateway, by name, each at /mcp/<name>" },
);
