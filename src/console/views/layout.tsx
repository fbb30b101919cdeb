/**
 * views/ owns what the console looks like: a page is a function from facts to HTML, rendered on the server, without scripts. This
 * file has what all pages share: the document, the navigation, and the forms. The others are components (table, badge, gauge,
 * chart, card) and pages. Does not own where the facts come from, nor what a form does (the controllers).
 */
import type { ComponentChildren } from 'preact';
import { render } from 'preact-render-to-string';
import type { ConsoleRole } from '../../domain/access/console-role.js';

/** The name of the form's field that holds the session's token. */
export const FORM_TOKEN = 'form_token';

/** Who looks at the page. */
export interface Viewer {
  readonly email: string;
  readonly role: ConsoleRole;
  /** In every form: another site's page does not know it. */
  readonly formToken: string;
}

/** In the order in which they are shown. A page adds itself here. */
const NAVIGATION: readonly { readonly path: string; readonly name: string }[] = [
  { path: '/console', name: 'Overview' },
  { path: '/console/users', name: 'Users' },
  { path: '/console/grants', name: 'Grants' },
  { path: '/console/services', name: 'Services' },
  { path: '/console/tickets', name: 'Tickets' },
  { path: '/console/webhooks', name: 'Webhooks' },
  { path: '/console/audit', name: 'Audit' },
];

interface LayoutProps {
  readonly person: Viewer;
  /** The path of the entry in the navigation that it belongs to. */
  readonly at: string;
  readonly title: string;
  /** One line below the title. */
  readonly lead?: ComponentChildren;
  /** Beside the title: links, a choice. */
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}

/** A page for someone who is signed in. */
export function Layout({ person, at, title, lead, actions, children }: LayoutProps) {
  return (
    <Document title={title}>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <div class="frame">
        <header class="side">
          <Brand />
          <nav class="nav" aria-label="Console">
            <ul>
              {NAVIGATION.map(({ path, name }) => (
                <li>
                  <a href={path} aria-current={path === at ? 'page' : undefined}>
                    {name}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <div class="who">
            <div>
              <strong dir="auto">{person.email}</strong>
              <span class="soft">{person.role}</span>
            </div>
            <Form person={person} action="/console/sign-out">
              <button class="link">Sign out</button>
            </Form>
          </div>
        </header>
        <main class="content" id="content" tabindex={-1}>
          <div class="head">
            <div>
              <h1 dir="auto">{title}</h1>
              {lead === undefined ? null : <div class="soft lead">{lead}</div>}
            </div>
            {actions}
          </div>
          {children}
        </main>
      </div>
    </Document>
  );
}

/** A form that acts: with the token of the session, which the console asks of every form. */
export function Form({
  person,
  action,
  children,
}: {
  readonly person: Viewer;
  readonly action: string;
  readonly children: ComponentChildren;
}) {
  return (
    <form method="post" action={action}>
      <input type="hidden" name={FORM_TOKEN} value={person.formToken} />
      {children}
    </form>
  );
}

/** A page without a session. */
export function Alone({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <Document title={title}>
      <div class="alone">
        <main>
          <Brand />
          <h1>{title}</h1>
          {children}
        </main>
      </div>
    </Document>
  );
}

function Brand() {
  return (
    <a class="brand" href="/console">
      <svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true">
        <rect class="one" width="22" height="22" rx="6" />
        <path d="M6 8h10M11 8v7" stroke="#fff" stroke-width="2.4" stroke-linecap="round" />
      </svg>
      Token broker
    </a>
  );
}

function Document({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>{`${title} · Token broker`}</title>
        <link rel="stylesheet" href="/console/style.css" />
        <link rel="icon" href="data:," />
      </head>
      <body>{children}</body>
    </html>
  );
}

export function renderConsole(page: Parameters<typeof render>[0]): string {
  return `<!doctype html>${render(page)}`;
}
