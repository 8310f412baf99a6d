/** The list of backends in the shape that model clients know. Pure. */
import type { Backend } from "@smcp/config";

const NEVER = "1970-01-01T00:00:00Z";

/** One page with every backend. */
export function listModels(backends: readonly Backend[]): Readonly<Record<string, unknown>> {
  const data = backends.map(({ id, name, model, path, maxTokens }) => ({
    ID: id,
    Name: name,
    Model: model,
    Path: path,
    MaxTokens: maxTokens,
    id,
    type: "model",
    display_name: name,
    created_at: NEVER,
  }));
  return {
    object: "list",
    data,
    has_more: false,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}
