/** One stylesheet, similar to the broker's pages. */
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
  padding: 2rem 1rem;
  background: var(--back);
  color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: anywhere;
}
main {
  width: min(44rem, 100%);
  margin: 0 auto;
  padding: 2rem;
  background: var(--paper);
  border: 1px solid var(--line);
  border-radius: 14px;
}
h1 { margin: 0 0 .25rem; font-size: 1.45rem; line-height: 1.25; }
h2 { margin: 1.75rem 0 .5rem; font-size: .95rem; }
p { margin: .5rem 0; }
a:not(.button) { color: var(--accent); }
.card + form { margin-top: .85rem; }
ul { margin: 0; padding: 0; list-style: none; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.25rem; margin: .5rem 0 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.soft { color: var(--soft); font-size: .875rem; }
.good { color: var(--good); }
.warn { color: var(--warn); }
.bad { color: var(--bad); }
.notice { margin: 1.25rem 0 0; padding: .65rem 1rem; border: 1px solid currentColor; border-radius: 9px; font-weight: 600; }
.card { margin: .5rem 0; padding: .85rem 1rem; border: 1px solid var(--line); border-radius: 9px; overflow-wrap: anywhere; }
.card p { margin: 0; }
.badge { margin-left: .35rem; font-size: .875rem; font-weight: 600; white-space: nowrap; }
ul.tree ul { margin: .25rem 0 0 .5rem; padding-left: 1rem; border-left: 1px solid var(--line); }
ul.tree li { margin: .35rem 0; }
.path { display: block; color: var(--soft); font-size: .875rem; }
ul.actions > li { padding: 1rem 0; border-top: 1px solid var(--line); }
ul.actions form { display: grid; grid-template-columns: 15rem 1fr; gap: .5rem 1.5rem; align-items: start; }
ul.actions p { margin: 0 0 .35rem; }
.fields { display: flex; flex-wrap: wrap; gap: .5rem; }
p.actions { margin-top: 1.75rem; }
label { display: block; }
button, a.button {
  display: inline-block;
  padding: .6rem 1rem;
  border: 1px solid var(--accent);
  border-radius: 9px;
  background: var(--accent);
  color: var(--on-accent);
  font: inherit;
  font-weight: 600;
  line-height: 1.3;
  text-decoration: none;
  cursor: pointer;
}
button:disabled { border-color: var(--line); background: var(--back); color: var(--soft); cursor: default; }
button.quiet:enabled { background: none; color: var(--accent); }
select, input:not([type=checkbox]) {
  max-width: 100%;
  padding: .45rem .6rem;
  border: 1px solid var(--line);
  border-radius: 9px;
  background: var(--paper);
  color: inherit;
  font: inherit;
}
input[type=checkbox] { accent-color: var(--accent); }
.switch { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; padding-top: 1.25rem; border-top: 1px solid var(--line); }
.switch input { flex: 1; min-width: 8rem; }
pre { margin: .5rem 0; padding: .85rem 1rem; border: 1px solid var(--line); border-radius: 9px; font-size: .8125rem; white-space: pre-wrap; }
table { width: 100%; margin: 1rem 0; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .45rem .5rem; border-bottom: 1px solid var(--line); text-align: right; }
th { color: var(--soft); font-size: .875rem; font-weight: 600; }
th:first-child, td:first-child { padding-left: 0; text-align: left; white-space: nowrap; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
@media (max-width: 36rem) {
  body { padding: .75rem; }
  main { padding: 1.25rem 1rem; }
  ul.actions form { grid-template-columns: 1fr; }
  table { font-size: .8rem; }
  th, td { padding-inline: .3rem 0; overflow-wrap: normal; }
}
`;
