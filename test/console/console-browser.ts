/** A person with a browser at the console: cookies, redirects and forms, without scripts. Knows only what the pages show. */
import { visitConsent } from '../support/visit-consent.js';

export interface ConsoleResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Where it redirects to; null: it does not. */
  readonly location: URL | null;
}

export class ConsoleBrowser {
  readonly cookies = new Map<string, string>();

  constructor(readonly url: string) {}

  async get(path: string | URL): Promise<ConsoleResponse> {
    return this.#send(new URL(path, this.url), {});
  }

  /** As a scanner that looks ahead, in the browser's name. */
  async head(path: string | URL): Promise<ConsoleResponse> {
    return this.#send(new URL(path, this.url), { method: 'HEAD' });
  }

  /** Submits the form with this action, as the last page showed it. */
  async submit(
    page: ConsoleResponse,
    action: string,
    changes: Record<string, string> = {},
    headers: Record<string, string> = { origin: this.url },
  ): Promise<ConsoleResponse> {
    const form = new RegExp(`<form method="post" action="${action}">(.*?)</form>`, 's').exec(page.text)?.[1];
    if (form === undefined) throw new Error(`There is no form for ${action}: ${page.text}`);
    const fields: [string, string][] = [
      ...form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g),
    ].map(([, name = '', value = '']) => [name, value]);
    const body = new URLSearchParams([
      ...fields.filter(([name]) => !(name in changes)),
      ...Object.entries(changes),
    ]);
    return this.#send(new URL(action, this.url), { method: 'POST', body, headers });
  }

  /** From the sign-in page to the issuer, and to where it sends the browser back. */
  async throughIssuer(account: string, path = '/console'): Promise<URL> {
    const shown = await this.get(path);
    const signIn = shown.location ? await this.get(shown.location) : shown;
    const start = /href="(\/console\/sign-in\/start[^"]*)"/.exec(signIn.text)?.[1];
    if (start === undefined) throw new Error(`There is no link to the issuer: ${signIn.text}`);
    const { location, text } = await this.get(start.replaceAll('&amp;', '&'));
    if (!location) throw new Error(`The sign-in does not begin: ${text}`);
    return visitConsent(location, { account });
  }

  async signIn(account: string, path = '/console'): Promise<ConsoleResponse> {
    return this.get(await this.throughIssuer(account, path));
  }

  async #send(
    url: URL,
    init: {
      readonly method?: string;
      readonly body?: URLSearchParams;
      readonly headers?: Record<string, string>;
    },
  ): Promise<ConsoleResponse> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { accept: 'text/html', ...(cookie === '' ? {} : { cookie }), ...init.headers },
    });
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (/max-age=0\b/i.test(set)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const location = response.headers.get('location');
    return {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      location: location === null ? null : new URL(location, url),
    };
  }
}
