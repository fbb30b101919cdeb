/**
 * Walks through Google's (the stand-in's) pages as a person with a browser without JavaScript would:
 * chooses the account, unticks what is to be unticked, and answers. Knows only what the pages show.
 */
export interface Choice {
  /** The account's email address. */
  account: string;
  /** Scopes to untick, by their full name. */
  untick?: string[];
  deny?: boolean;
}

/** Google showed an error page instead of going back to the app. */
export class GoogleErrorPage extends Error {
  override readonly name = 'GoogleErrorPage';
  constructor(
    readonly status: number,
    readonly code: string,
    text: string,
  ) {
    super(text);
  }
}

/** Returns where Google sends the browser in the end: the app's redirect URI with a code or an error. */
export async function visitConsent(authorizationUrl: string | URL, choice: Choice): Promise<URL> {
  let page = await open(new URL(authorizationUrl));
  if (!(page instanceof URL) && page.link('Use another account') && !page.text.includes(choice.account)) {
    page = await open(new URL(page.link('Use another account') ?? '', page.url));
  }
  if (!(page instanceof URL) && page.text.startsWith('Choose an account')) {
    page = await page.submit((label) => label.includes(choice.account));
  }
  if (page instanceof URL) return page;
  const result = await page.submit((label) => label === (choice.deny ? 'Cancel' : 'Continue'), choice.untick);
  if (result instanceof URL) return result;
  throw new Error(`Google asks for more than a consent: ${result.text}`);
}

async function open(url: URL, form?: URLSearchParams): Promise<Page | URL> {
  const response = await fetch(url, { redirect: 'manual', ...(form && { method: 'POST', body: form }) });
  const location = response.headers.get('location');
  if (location !== null) return new URL(location, url);
  const page = new Page(url, await response.text());
  if (response.ok) return page;
  throw new GoogleErrorPage(response.status, /Error \d+: (\w+)/.exec(page.text)?.[1] ?? 'unknown', page.text);
}

class Page {
  readonly text: string;

  constructor(
    readonly url: URL,
    private readonly html: string,
  ) {
    this.text = textOf(/<main>(.*)<\/main>/s.exec(html)?.[1] ?? html);
  }

  link(text: string): string | undefined {
    return elements(this.html, 'a').find((link) => link.text === text)?.attributes['href'];
  }

  submit(isChosen: (label: string) => boolean, untick: string[] = []): Promise<Page | URL> {
    const [form] = elements(this.html, 'form');
    const button = form && elements(form.inside, 'button').find(({ text }) => isChosen(text));
    if (!form || !button) throw new Error(`There is no such button on this page: ${this.text}`);
    const fields = inputs(form.inside).filter(({ type }) => type !== 'checkbox');
    const ticks = inputs(form.inside).filter(({ type }) => type === 'checkbox');
    for (const scope of untick) {
      if (!ticks.some(({ value }) => value === scope))
        throw new Error(`${scope} cannot be unticked: ${this.text}`);
    }
    const ticked = ticks.filter(({ value = '', ...tick }) => 'checked' in tick && !untick.includes(value));
    const sent = [...fields, ...ticked, button.attributes].map(({ name = '', value = '' }) => [name, value]);
    return open(new URL(form.attributes['action'] ?? '', this.url), new URLSearchParams(sent));
  }
}

type Attributes = Partial<Record<string, string>>;

const elements = (html: string, tag: string) =>
  [...html.matchAll(new RegExp(`<${tag}\\b([^>]*)>(.*?)</${tag}>`, 'gs'))].map(
    ([, attributes = '', inside = '']) => ({
      attributes: attributesOf(attributes),
      inside,
      text: textOf(inside),
    }),
  );

const inputs = (html: string): Attributes[] =>
  [...html.matchAll(/<input\b([^>]*)>/g)].map(([, attributes = '']) => attributesOf(attributes));

const attributesOf = (text: string): Attributes =>
  Object.fromEntries(
    [...text.matchAll(/([\w-]+)(?:="([^"]*)")?/g)].map(([, name = '', value = '']) => [
      name,
      unescape(value),
    ]),
  );

const textOf = (html: string): string =>
  unescape(html.replaceAll(/<[^>]*>/g, ' '))
    .replaceAll(/\s+/g, ' ')
    .trim();

function unescape(text: string): string {
  const characters: Partial<Record<string, string>> = { lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' };
  return text.replaceAll(/&([\w#]+);/g, (entity, name: string) => characters[name] ?? entity);
}
