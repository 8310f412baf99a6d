/** The least that is a browser: follows redirects, keeps cookies, sends forms off as they are. For signing in, in tests. */

/** Where a visit ended. */
export interface Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const MOST_STEPS = 20;

/** Visits a page and goes where it leads; rejects when it leads nowhere within 20 steps. */
export async function browse(address: string | URL): Promise<Page> {
  const jars = new Map<string, Jar>();
  let url = new URL(address);
  let form: URLSearchParams | undefined;
  for (let step = 0; step < MOST_STEPS; step++) {
    const jar = jars.get(url.host) ?? new Map<string, string>();
    jars.set(url.host, jar);
    const response = await ask(url, form, jar);
    const text = await response.text();
    const location = response.headers.get("location");
    const found = location === null ? formIn(text) : { action: location, fields: undefined };
    if (!found) return { url: url.href, status: response.status, headers: response.headers, text };
    url = new URL(found.action, url);
    form = found.fields;
  }
  throw new Error(`${url.href} leads nowhere`);
}

/** The cookies of one host. */
type Jar = Map<string, string>;

async function ask(url: URL, form: URLSearchParams | undefined, jar: Jar): Promise<Response> {
  const response = await fetch(url, {
    method: form ? "POST" : "GET",
    redirect: "manual",
    headers: { cookie: [...jar].map((pair) => pair.join("=")).join("; ") },
    body: form ?? null,
    signal: AbortSignal.timeout(20_000),
  });
  for (const cookie of response.headers.getSetCookie()) {
    const [name = "", value = ""] = cookie.split(";", 1)[0]?.split(/=(.*)/s) ?? [];
    if (value === "") jar.delete(name);
    else jar.set(name, value);
  }
  return response;
}

function formIn(html: string): { action: string; fields: URLSearchParams } | undefined {
  const action = /<form[^>]*\saction="([^"]*)"/.exec(html)?.[1];
  if (action === undefined) return undefined;
  const fields = new URLSearchParams();
  for (const [input] of html.matchAll(/<input[^>]*>/g)) {
    const name = /\sname="([^"]*)"/.exec(input)?.[1];
    if (name !== undefined) fields.set(name, /\svalue="([^"]*)"/.exec(input)?.[1] ?? "");
  }
  return { action, fields };
}
