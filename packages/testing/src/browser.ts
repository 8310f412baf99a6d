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
  const cookies = new Map<string, Map<string, string>>();
  let url = new URL(address);
  let form: URLSearchParams | undefined;
  for (let step = 0; step < MOST_STEPS; step++) {
    const jar = cookies.get(url.host) ?? new Map<string, string>();
    cookies.set(url.host, jar);
    const response: Response = await fetch(url, {
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
    form = undefined;
    const text = await response.text();
    const location = response.headers.get("location");
    const found = formIn(text);
    if (location !== null) url = new URL(location, url);
    else if (found) [url, form] = [new URL(found.action, url), found.fields];
    else return { url: url.href, status: response.status, headers: response.headers, text };
  }
  throw new Error(`${url.href} leads nowhere`);
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
