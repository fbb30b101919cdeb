import type { FastifyRequest } from 'fastify';
import type { ComponentChildren, VNode } from 'preact';
import { render } from 'preact-render-to-string';

export type Mood = 'good' | 'warn' | 'bad';

export function Page({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{title}</title>
        <link rel="stylesheet" href="/style.css" />
        <link rel="icon" href="data:," />
      </head>
      <body>
        <main>{children}</main>
      </body>
    </html>
  );
}

/** An answer of an API as JSON, formatted; what it is called is the heading. */
export function Json({ name, value }: { readonly name: string; readonly value: unknown }) {
  return (
    <>
      <h2>{name}</h2>
      <pre>{JSON.stringify(value, null, 2)}</pre>
    </>
  );
}

export function renderPage(page: VNode): string {
  return `<!doctype html>${render(page)}`;
}

/** The query of an address, every value as it stands there. */
export function fieldsOf(request: FastifyRequest): URLSearchParams {
  return new URL(request.url, 'http://localhost').searchParams;
}
