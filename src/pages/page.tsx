/**
 * pages/ owns what a person sees in a browser: the connect page, its result, errors, one stylesheet. A page is a
 * function from facts to HTML, rendered on the server, without scripts.
 * Does not own what a form submits to (authorization/, callback/), nor the texts of refusals (their features).
 */
import type { ComponentChildren } from 'preact';
import { render } from 'preact-render-to-string';
import { STYLE } from './style.js';

type Mood = 'plain' | 'good' | 'warn' | 'bad';

interface PageProps {
  readonly title: string;
  readonly mood?: Mood;
  readonly children: ComponentChildren;
}

/** One centered card. */
export function Page({ title, mood = 'plain', children }: PageProps) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>{title}</title>
        <link rel="stylesheet" href="/style.css" />
        <link rel="icon" href="data:," />
      </head>
      <body>
        <main class={mood}>
          <h1>{title}</h1>
          {children}
        </main>
      </body>
    </html>
  );
}

export function renderPage(page: Parameters<typeof render>[0]): string {
  return `<!doctype html>${render(page)}`;
}

/** Inlines the stylesheet, for a server that answers a single request. */
export function selfContained(html: string): string {
  return html.replace('<link rel="stylesheet" href="/style.css"/>', `<style>${STYLE}</style>`);
}
