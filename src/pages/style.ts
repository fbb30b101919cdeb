import { accentOf } from './accent.js';

/**
 * Served at /style.css: pages have no inline style, so that the content security policy stays strict.
 * @param colour the app's, #rrggbb; null for the broker's own
 */
export function stylesheet(colour: string | null): string {
  return colour === null ? STYLE : `${STYLE}${accentStyle(colour)}`;
}

/** Where a page finds its stylesheet. */
export function stylesheetAddress(colour: string | null): string {
  return colour === null ? '/style.css' : `/style.css?colour=${colour.slice(1)}`;
}

function accentStyle(colour: string): string {
  const { button, onButton, onLight, onDark } = accentOf(colour);
  return `:root { --accent: light-dark(${onLight}, ${onDark}); --button: ${button}; --on-button: ${onButton}; }\n`;
}

export const STYLE = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#18202b, #e9edf3);
  --soft: light-dark(#556071, #a3afbf);
  --line: light-dark(#dde3ea, #323c4a);
  --paper: light-dark(#ffffff, #1a202a);
  --tint: light-dark(#f4f6f9, #1d242e);
  --back: light-dark(#eef1f5, #0f1319);
  --accent: light-dark(#1a56c4, #82b1ff);
  --button: light-dark(#1a56c4, #82b1ff);
  --on-button: light-dark(#ffffff, #0c1522);
  --good: light-dark(#12703c, #6fd69c);
  --warn: light-dark(#8a5300, #f0b95c);
  --bad: light-dark(#a8261c, #ff9b91);
}
*, ::before, ::after { box-sizing: border-box; }
body {
  margin: 0;
  min-height: 100vh;
  min-height: 100dvh;
  padding: 2rem 1rem;
  display: grid;
  place-content: center;
  grid-template-columns: minmax(0, 29rem);
  gap: 1.25rem;
  background: var(--back);
  color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  -webkit-text-size-adjust: 100%;
  /* A user id is up to 255 characters without a space. */
  overflow-wrap: anywhere;
}
main {
  padding: 2.25rem;
  background: var(--paper);
  border: 1px solid var(--line);
  border-radius: 18px;
  box-shadow: 0 1px 2px rgb(16 24 40 / 5%), 0 12px 32px -12px rgb(16 24 40 / 14%);
}
.brand { display: flex; align-items: center; gap: .75rem; margin: 0 0 1.75rem; font-weight: 600; line-height: 1.3; }
.brand > bdi { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.logo, .letter { flex: none; width: 2.75rem; height: 2.75rem; border-radius: 11px; }
.logo { object-fit: contain; background: #fff; }
.letter {
  display: grid;
  place-items: center;
  background: var(--button);
  color: var(--on-button);
  border: 1px solid transparent;
  font-size: 1.25rem;
}
.mood { display: block; width: 3rem; height: 3rem; margin: 0 0 1.1rem; padding: .7rem; border-radius: 50%; border: 1px solid transparent; }
.good .mood { color: var(--good); background: color-mix(in srgb, var(--good) 13%, var(--paper)); }
.warn .mood { color: var(--warn); background: color-mix(in srgb, var(--warn) 14%, var(--paper)); }
.bad .mood { color: var(--bad); background: color-mix(in srgb, var(--bad) 12%, var(--paper)); }
h1 { margin: 0 0 .6rem; font-size: 1.55rem; line-height: 1.22; letter-spacing: -.015em; text-wrap: balance; }
p { margin: .75rem 0; }
h2 { margin: 1.6rem 0 .55rem; font-size: .95rem; line-height: 1.4; }
a { color: var(--accent); text-underline-offset: .15em; }
strong, bdi { font-weight: 600; }
code { color: var(--soft); font: .8rem/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
.box { margin: 1.25rem 0; padding: .35rem 1rem; border: 1px solid var(--line); border-radius: 12px; background: var(--tint); }
h2 + .box { margin-top: 0; }
dl > div { padding: .6rem 0; }
dl > div + div { border-top: 1px solid var(--line); }
dt { color: var(--soft); font-size: .82rem; line-height: 1.4; }
dd { margin: 0; }
ul { margin: .25rem 0; padding: 0; list-style: none; }
.scopes li { display: flex; gap: .7rem; padding: .55rem 0; line-height: 1.45; }
.scopes li + li { border-top: 1px solid var(--line); }
.scopes svg { flex: none; width: 1.15rem; height: 1.15rem; margin-top: .18rem; color: var(--accent); }
.scopes.missing svg { color: var(--soft); }
.scopes code { display: block; font-size: .75rem; }
/* The app's own words: whatever they are, they stay within the border that names it. */
.scopes li > div { flex: 1; min-width: 0; }
figure {
  margin: .4rem 0 .2rem;
  padding: .45rem .7rem;
  border: 1px solid var(--soft);
  border-radius: 8px;
  background: var(--paper);
  color: var(--soft);
  font-size: .875rem;
  overflow: hidden;
}
figcaption { font-size: .8rem; }
blockquote { margin: .1rem 0 0; color: var(--ink); }
details { margin: .5rem 0; color: var(--soft); font-size: .85rem; }
summary { cursor: pointer; width: fit-content; padding: .25rem 0; border-radius: 4px; }
details li { padding: .1rem 0; }
.soft { color: var(--soft); font-size: .875rem; }
.copy {
  padding: .8rem 1rem;
  border: 1px solid var(--line);
  border-radius: 12px;
  background: var(--tint);
  color: var(--ink);
  font: .82rem/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace;
  -webkit-user-select: all;
  user-select: all;
}
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.75rem 0 1.25rem; }
.actions:last-child { margin-bottom: 0; }
form { display: contents; }
button, a.button {
  flex: 1 1 auto;
  min-height: 2.9rem;
  display: inline-flex;
  align-items: center;
  justify-content: center;
  padding: .65rem 1.4rem;
  border: 1px solid transparent;
  border-radius: 10px;
  background: var(--button);
  color: var(--on-button);
  font: inherit;
  font-weight: 600;
  line-height: 1.3;
  text-align: center;
  text-decoration: none;
  cursor: pointer;
}
/* Where the app's colour is near that of the page, its outline shows the button. */
button, a.button, .letter { border-color: color-mix(in srgb, var(--accent) 45%, transparent); }
button.second, a.second { flex-grow: 0; background: none; color: var(--ink); border-color: var(--line); }
button.second:hover, a.second:hover { background: var(--tint); }
button:not(.second):hover, a.button:not(.second):hover { box-shadow: inset 0 0 0 99px color-mix(in srgb, var(--on-button) 9%, transparent); }
button:focus-visible, a:focus-visible, summary:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
.notice { padding-block: .8rem; font-weight: 600; }
.notice.good { color: var(--good); border-color: color-mix(in srgb, var(--good) 35%, var(--paper)); background: color-mix(in srgb, var(--good) 9%, var(--paper)); }
.notice.warn { color: var(--warn); border-color: color-mix(in srgb, var(--warn) 35%, var(--paper)); background: color-mix(in srgb, var(--warn) 9%, var(--paper)); }
button.danger { --button: var(--bad); --on-button: light-dark(#ffffff, #2b0a07); border-color: transparent; }
h3 { margin: 1.1rem 0 .45rem; font-size: .9rem; line-height: 1.4; }
h3 + .box { margin-top: 0; }
.grant { margin-top: 1.75rem; padding-top: 1.4rem; border-top: 1px solid var(--line); }
.head { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: .35rem .75rem; }
.grant h2 { margin: 0; font-size: 1.1rem; }
.status { padding: .15rem .65rem; border: 1px solid transparent; border-radius: 99px; font-size: .8rem; font-weight: 600; line-height: 1.45; }
.status { color: var(--tone); background: color-mix(in srgb, var(--tone) 11%, var(--paper)); }
.status.active { --tone: var(--good); }
.status.partial, .status.suspended, .status.revoking { --tone: var(--warn); }
.status.dead { --tone: var(--bad); }
.end { margin-top: 1.75rem; padding-top: 1.1rem; border-top: 1px solid var(--line); }
footer { display: flex; flex-wrap: wrap; justify-content: center; gap: .35rem 1.25rem; font-size: .85rem; }
footer a { color: var(--soft); padding: .3rem 0; }
@media (prefers-reduced-motion: no-preference) {
  button, a.button { transition: background-color .12s, box-shadow .12s; }
}
@media (max-width: 30rem) {
  body { padding: .75rem; place-content: start center; }
  main { padding: 1.5rem 1.25rem; border-radius: 14px; }
  .actions { flex-direction: column; }
  h1 { font-size: 1.4rem; }
}
@media (forced-colors: active) {
  .mood, .letter, .status, button, a.button { border-color: currentcolor; }
}
@media print {
  body { background: none; }
  main { box-shadow: none; }
}
`;
