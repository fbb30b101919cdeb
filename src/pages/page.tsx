/**
 * pages/ owns what a person sees in a browser: the connect page, its result, errors, one stylesheet, in every language. A
 * page is a function from its context and facts to HTML, rendered on the server, without scripts.
 * Does not own what a form submits to (authorization/, callback/), nor the texts of the API (their features).
 */
import type { ComponentChildren } from 'preact';
import { render } from 'preact-render-to-string';
import { connectMessagesOf } from './messages/messages.js';
import { Icon, type IconName } from './icon.js';
import type { AppBranding, PageContext } from './page-context.js';
import { STYLE, stylesheetAddress } from './style.js';

/** Where Google lists what an account allowed. */
export const GOOGLE_CONNECTIONS = 'https://myaccount.google.com/connections';

type Mood = 'plain' | 'good' | 'warn' | 'bad';

interface PageProps {
  readonly context: PageContext<AppBranding | null>;
  readonly title: string;
  readonly mood?: Mood;
  readonly children: ComponentChildren;
}

const ICONS: Readonly<Record<Exclude<Mood, 'plain'>, IconName>> = {
  good: 'check',
  warn: 'exclamation',
  bad: 'cross',
};

/** One centred card, with the app's branding above and its links below. */
export function Page({ context, title, mood = 'plain', children }: PageProps) {
  const { locale, app } = context;
  return (
    <html lang={locale}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>{app ? `${title} · ${app.name}` : title}</title>
        <link rel="stylesheet" href={stylesheetAddress(app?.colour ?? null)} />
        <link rel="icon" href="data:," />
      </head>
      <body>
        <main class={mood}>
          {app && <Brand app={app} />}
          {mood !== 'plain' && <Icon name={ICONS[mood]} class="mood" />}
          <h1>{title}</h1>
          {children}
        </main>
        <AppLinks context={context} />
      </body>
    </html>
  );
}

/** Of text that a browser must not translate. Preact would drop the attribute as a boolean, which it is in a script only. */
export const UNTRANSLATED: object = { translate: 'no' };

/** A name or label of a user or an app: of any script, and in its own direction. */
export function Name({ children }: { readonly children: string }) {
  return (
    <bdi dir="auto" {...UNTRANSLATED}>
      {children}
    </bdi>
  );
}

/** The link back to the app; to its help, where it named no `return_to`, which is never the main button. */
export function BackToApp({
  context,
  second = false,
}: {
  context: PageContext<AppBranding | null>;
  second?: boolean;
}) {
  const { app, backUrl, locale } = context;
  if (!app) return null;
  const messages = connectMessagesOf(locale);
  const name = <Name>{app.name}</Name>;
  if (backUrl !== null) {
    return (
      <a class={second ? 'button second' : 'button'} href={backUrl}>
        <span>{messages.back(name)}</span>
      </a>
    );
  }
  return app.supportUrl === null ? null : (
    <a class="button second" href={app.supportUrl}>
      <span>{messages.getHelp(name)}</span>
    </a>
  );
}

export function renderPage(page: Parameters<typeof render>[0]): string {
  return `<!doctype html>${render(page)}`;
}

/** Inlines the stylesheet, for a server that answers a single request. */
export function selfContained(html: string): string {
  return html.replace('<link rel="stylesheet" href="/style.css"/>', `<style>${STYLE}</style>`);
}

function Brand({ app: { name, logo } }: { readonly app: AppBranding }) {
  return (
    <div class="brand">
      {logo === null ? (
        <span class="letter" aria-hidden="true">
          {firstLetter(name)}
        </span>
      ) : (
        // The name stands beside it.
        <img class="logo" src={logo} alt="" width="44" height="44" />
      )}
      <Name>{name}</Name>
    </div>
  );
}

/** What a reader takes for one letter, in any script. */
function firstLetter(name: string): string {
  const [first] = new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(name.trim());
  return (first?.segment ?? '').toUpperCase();
}

function AppLinks({ context: { app, locale } }: { readonly context: PageContext<AppBranding | null> }) {
  if (app?.privacyUrl == null && app?.supportUrl == null) return null;
  const { links, privacy, support } = connectMessagesOf(locale);
  return (
    <footer aria-label={links}>
      {app.privacyUrl !== null && <a href={app.privacyUrl}>{privacy}</a>}
      {app.supportUrl !== null && <a href={app.supportUrl}>{support}</a>}
    </footer>
  );
}
