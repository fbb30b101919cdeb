/**
 * The part of the stylesheet that is about tables, which are cards on a phone, and about timelines. Its colours and measures are
 * those of style.ts.
 */
export const LISTS_STYLE = `
/* Tables */
.scroll { position: relative; overflow-x: auto; margin: 0 -1.25rem -1.25rem; }
.scroll:focus-visible { outline-offset: -3px; }
table { width: 100%; border-collapse: collapse; font-size: .875rem; }
caption { text-align: left; }
/* Words break where a column would grow too wide, and no column shrinks below a word. */
th, td { overflow-wrap: break-word; padding: .6rem .55rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--soft); font-size: .75rem; font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 500; min-width: 4rem; max-width: 40rem; }
.meaning { min-width: 13rem; font-weight: 400; }
.account { display: block; min-width: 12rem; overflow-wrap: anywhere; }
.chart tbody th { min-width: 0; }
td code, td time { white-space: nowrap; }
/* Each on its own line, far enough apart to be pressed (WCAG 2.5.8). */
td .small, th .small { margin-top: .25rem; font-weight: 400; }
tbody a { text-decoration: none; }
tbody a:hover { text-decoration: underline; }
.cards th, .cards td { overflow-wrap: anywhere; }
.cards tbody th, .cards tbody td { min-width: 4.5rem; }
.cards tbody th { min-width: 10rem; }
.half .cards tbody th { min-width: 4rem; }
.cards td.wide { min-width: 13rem; }
th:first-child, td:first-child { padding-left: 1.25rem; }
th:last-child, td:last-child { padding-right: 1.25rem; }
tbody tr:hover > * { background: var(--hover); }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tfoot td, tfoot th { font-weight: 600; }
.moment { display: grid; align-content: start; white-space: nowrap; font-variant-numeric: tabular-nums; }
.id code { white-space: normal; overflow-wrap: anywhere; }
.pager { display: flex; gap: .75rem; margin-top: 1rem; }

/* Timelines */
.card h3 { margin: 1.5rem 0 .75rem; }
.timeline { list-style: none; margin-left: .3rem; border-left: 2px solid var(--line); }
.timeline li {
  position: relative; display: grid; grid-template-columns: 9.5rem minmax(0, 1fr); gap: 0 1rem; padding: 0 0 1rem 1.1rem; font-size: .875rem;
}
.timeline li:last-child { padding-bottom: 0; }
.timeline li::before {
  content: ""; position: absolute; left: calc(-.3rem - 1px); top: .4rem; width: .6rem; height: .6rem; border-radius: 50%;
  background: var(--paper); border: 2px solid var(--accent);
}
.timeline time { color: var(--soft); }
.card > .actions { margin: 1.25rem -1.25rem 0; padding: 1.1rem 1.25rem 0; border-top: 1px solid var(--line); }
.details { display: grid; gap: .1rem; overflow-wrap: anywhere; }
.details div { display: flex; gap: .5rem; }
.details dt { flex: none; }
.details dt::after { content: ":"; }
.details dd { min-width: 0; }
.stack { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; }
.stack > .card { grid-column: auto; }
.stack > .notice { margin-bottom: 0; }
.stack > .actions { margin-top: .25rem; }
.scopes { list-style: none; display: grid; gap: .2rem; }
.copied { display: block; padding: .8rem 1rem; border: 1px solid var(--line); border-radius: 8px; background: var(--hover); user-select: all; }

@media (max-width: 48rem) {
  .cards { overflow-x: visible; }
  .cards table, .cards tbody { display: block; }
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards tbody tr { display: grid; gap: .45rem; padding: .9rem 1.25rem; border-top: 1px solid var(--line); }
  .cards tbody tr:first-child { border-top: 0; padding-top: 0; }
  .cards tbody tr:hover > * { background: none; }
  .cards tbody th, .cards tbody td { display: block; min-width: 0; max-width: none; padding: 0; border: 0; text-align: start; white-space: normal; }
  .cards tbody th { font-size: .9375rem; }
  .cards tbody td { display: grid; grid-template-columns: 7rem minmax(0, 1fr); gap: 0 .75rem; }
  .cards tbody td::before { content: attr(data-column) / ""; color: var(--soft); font-size: .8125rem; line-height: 1.6; }
  .cards tbody td:has(> div:empty) { display: none; }
  .cards td code { white-space: normal; }
  .account, .meaning, .cards .gauge { min-width: 0; }
  .timeline li { grid-template-columns: minmax(0, 1fr); }
  .moment { display: flex; flex-wrap: wrap; gap: 0 .5rem; }
}
@media (max-width: 24rem) {
  .scroll { margin: 0 -1rem -1rem; }
  .cards tbody tr { padding-inline: 1rem; }
  .cards tbody td { grid-template-columns: 5.5rem minmax(0, 1fr); }
  .card > .actions { margin-inline: -1rem; padding-inline: 1rem; }
}
`;
