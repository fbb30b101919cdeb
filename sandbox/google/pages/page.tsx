/** The layout of every page: plain, without scripts, and clear that it is not Google. */
import type { ComponentChildren, VNode } from 'preact';
import { renderToString } from 'preact-render-to-string';

const style = `
  :root { color-scheme: light dark; --ink: #1f1f1f; --soft: #5f6368; --line: #dadce0; --paper: #fff; --wall: #f0f4f9;
    --accent: #0b57d0; --on-accent: #fff; --note: #fef7e0; --note-ink: #5c3b00; }
  @media (prefers-color-scheme: dark) { :root { --ink: #e3e3e3; --soft: #c4c7c5; --line: #444746; --paper: #131314;
    --wall: #1e1f20; --accent: #a8c7fa; --on-accent: #062e6f; --note: #3b2f0b; --note-ink: #fce8b2; } }
  * { box-sizing: border-box; }
  body { margin: 0; padding: 4vh 1rem; background: var(--wall); color: var(--ink); line-height: 1.5;
    font: 1rem/1.5 Roboto, "Noto Sans", system-ui, sans-serif; }
  main { max-width: 35rem; margin: 0 auto; padding: 2rem 2.25rem 2.25rem; background: var(--paper); border-radius: 1.5rem; }
  .stand-in { max-width: 35rem; margin: 0 auto 1rem; padding: .5rem 1rem; border-radius: .75rem; font-size: .875rem;
    background: var(--note); color: var(--note-ink); }
  h1 { margin: 0 0 .5rem; font-size: 1.75rem; font-weight: 400; line-height: 1.25; overflow-wrap: anywhere; }
  p { margin: .5rem 0 1.25rem; }
  .soft, small { color: var(--soft); font-size: .875rem; }
  code { font: .8125rem/1.4 ui-monospace, "Roboto Mono", monospace; overflow-wrap: anywhere; color: var(--soft); }
  a { color: var(--accent); }
  ul { list-style: none; margin: 0 0 1.5rem; padding: 0; border-top: 1px solid var(--line); }
  li { border-bottom: 1px solid var(--line); }
  fieldset { border: 0; margin: 0; padding: 0; }
  legend { padding: 0 .25rem .5rem; font-weight: 500; }
  .row { display: flex; gap: .875rem; align-items: center; width: 100%; padding: .75rem .25rem; }
  .row > span { flex: 1; min-width: 0; }
  .account { flex-wrap: wrap; }
  .account > span:not(.avatar) { min-width: 10rem; }
  .row code { display: block; }
  .row input { width: 1.125rem; height: 1.125rem; margin: 0; accent-color: var(--accent); }
  button { font: inherit; cursor: pointer; border-radius: 1.25rem; padding: .5rem 1.5rem; font-weight: 500; }
  button.row { border: 0; border-radius: 0; background: none; color: inherit; text-align: left; font-weight: 400; }
  button.row:hover, button.quiet:hover { background: var(--wall); }
  .avatar { flex: none !important; width: 2.25rem; height: 2.25rem; border-radius: 50%; background: var(--accent);
    color: var(--on-accent); display: grid; place-items: center; font-weight: 500; }
  .choices { display: flex; justify-content: flex-end; gap: .75rem; }
  .quiet { border: 1px solid var(--line); background: none; color: var(--accent); }
  .main { border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent); }
  @media (max-width: 30rem) { body { padding: 1rem .5rem; } main { padding: 1.5rem 1.25rem; } h1 { font-size: 1.5rem; } }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;

export function renderPage(title: string, children: ComponentChildren): string {
  const page: VNode = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{title}</title>
        <link rel="icon" href="data:," />
        <style dangerouslySetInnerHTML={{ __html: style }} />
      </head>
      <body>
        <p class="stand-in" role="note">
          This is a <strong>stand-in for Google</strong>, for trials and tests. No real account is involved.
        </p>
        <main>{children}</main>
      </body>
    </html>
  );
  return `<!DOCTYPE html>${renderToString(page)}`;
}

export const Avatar = ({ name }: { name: string }) => (
  <span class="avatar" aria-hidden="true">
    {name.charAt(0).toUpperCase()}
  </span>
);
