/**
 * This folder owns what a person sees in a browser: the connect page, the result, errors, one stylesheet. Pages are
 * functions from facts to HTML, rendered here, without scripts. It does not own what happens on a click
 * (authorization/, callback/), nor the texts of refusals (domain/).
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

/** One card in the middle of the page. */
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

/** A page for a server that is gone once it has answered: it brings its style along, and asks nobody for anything. */
export function selfContained(html: string): string {
  return html.replace('<link rel="stylesheet" href="/style.css"/>', `<style>${STYLE}</style>`);
}
