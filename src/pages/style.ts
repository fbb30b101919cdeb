/** Served at /style.css: pages have no inline style, so that the content security policy stays strict. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#1c2430, #e7ebf0);
  --soft: light-dark(#5b6675, #9aa6b5);
  --line: light-dark(#d9dfe7, #333d4a);
  --paper: light-dark(#ffffff, #1a212b);
  --back: light-dark(#f2f4f7, #10151c);
  --accent: light-dark(#1a56c4, #7fb0ff);
  --on-accent: light-dark(#ffffff, #0c1522);
  --good: light-dark(#14713d, #6fd69c);
  --warn: light-dark(#8f5600, #f0b95c);
  --bad: light-dark(#a8261c, #ff9b91);
}
* { box-sizing: border-box; }
body {
  margin: 0;
  min-height: 100vh;
  padding: 2rem 1rem;
  display: grid;
  place-items: center;
  background: var(--back);
  color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  /* A user id is up to 255 characters without a space. */
  overflow-wrap: anywhere;
}
main {
  width: min(34rem, 100%);
  padding: 2rem;
  background: var(--paper);
  border: 1px solid var(--line);
  border-radius: 14px;
}
h1 { margin: 0 0 .75rem; font-size: 1.45rem; line-height: 1.25; }
h1::before { display: inline-block; margin-right: .5rem; font-weight: 700; }
.good h1::before { content: "✓"; color: var(--good); }
.warn h1::before { content: "!"; color: var(--warn); }
.bad h1::before { content: "✕"; color: var(--bad); }
p { margin: .75rem 0; }
h2 { margin: 1.5rem 0 .25rem; font-size: .95rem; }
ul { margin: .25rem 0; padding: 0; list-style: none; }
li { padding: .6rem 0; border-top: 1px solid var(--line); }
li:first-child { border-top: 0; }
code { color: var(--soft); font: .8rem ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
li code { display: block; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .35rem 1.25rem; margin: 1rem 0; }
dt { color: var(--soft); }
dd { margin: 0; }
.soft { color: var(--soft); font-size: .875rem; }
.actions { margin-top: 1.75rem; }
button, a.button {
  display: inline-block;
  padding: .65rem 1.35rem;
  border: 0;
  border-radius: 9px;
  background: var(--accent);
  color: var(--on-accent);
  font: inherit;
  font-weight: 600;
  text-decoration: none;
  cursor: pointer;
}
button.quiet { margin-left: .5rem; background: none; color: var(--accent); }
@media (max-width: 30rem) {
  body { padding: 1rem .75rem; }
  main { padding: 1.5rem 1.25rem; }
  dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dd { margin-bottom: .5rem; }
}
button:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
`;
