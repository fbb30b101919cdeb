import { LISTS_STYLE } from './style-lists.js';

/**
 * The stylesheet of the console, served at /console/style.css: its pages have no inline style, so that their policy stays strict.
 * Owns colours, measures and the look of every component in this folder, in light and dark.
 */
export const CONSOLE_STYLE = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#1a1f36, #e6e9f2);
  --soft: light-dark(#545d72, #a3acc2);
  --line: light-dark(#e3e7ef, #2a3142);
  --strong-line: light-dark(#c9d0de, #3b4459);
  --paper: light-dark(#ffffff, #171c28);
  --back: light-dark(#f6f8fb, #0f131c);
  --hover: light-dark(#f1f4f9, #1e2432);
  --accent: light-dark(#4f46e5, #a5b0ff);
  --on-accent: light-dark(#ffffff, #14172b);
  --accent-soft: light-dark(#eef0ff, #262b4d);
  --good: light-dark(#0f6b3c, #71dba3);
  --good-soft: light-dark(#e3f5ea, #12331f);
  --warn: light-dark(#854d0e, #f3c26b);
  --warn-soft: light-dark(#fdf3dc, #382a0c);
  --bad: light-dark(#a61b1b, #ff9f98);
  --bad-soft: light-dark(#fdeaea, #401a1a);
  --one: light-dark(#4f46e5, #8f9bff);
  --two: light-dark(#0e8f9b, #4cc9d6);
  --three: light-dark(#b5620a, #f0a94f);
  --four: light-dark(#b0368a, #f08fd0);
  --five: light-dark(#5b6478, #98a2b8);
  --radius: 12px;
  --mono: ui-monospace, "Cascadia Mono", "SF Mono", Menlo, Consolas, monospace;
}
*, *::before, *::after { box-sizing: border-box; }
html { text-size-adjust: 100%; -webkit-text-size-adjust: 100%; }
body {
  margin: 0;
  min-height: 100vh;
  background: var(--back);
  color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-feature-settings: "tnum" 1;
  overflow-wrap: anywhere;
}
a { color: var(--accent); text-underline-offset: .2em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
h1, h2, h3, p, dl, dd, ul, ol, figure, table { margin: 0; padding: 0; }
h1 { font-size: 1.5rem; line-height: 1.25; letter-spacing: -.01em; text-wrap: balance; }
h2 { font-size: 1rem; line-height: 1.4; }
h3 { font-size: .875rem; }
code, .mono { font: .86em var(--mono); }
.soft { color: var(--soft); }
.small { font-size: .8125rem; }
.hidden {
  position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0;
  overflow: hidden; clip-path: inset(50%); white-space: nowrap; border: 0;
}
.skip { position: absolute; left: .75rem; top: -4rem; z-index: 2; padding: .5rem 1rem; background: var(--paper); }
.skip:focus { top: .75rem; }

/* Frame */
.frame {
  display: grid; grid-template-columns: 15rem minmax(0, 1fr); min-height: 100vh;
  background: linear-gradient(90deg, var(--paper) calc(15rem - 1px), var(--line) 0 15rem, transparent 0);
}
.side {
  position: sticky; top: 0; height: 100vh; overflow-y: auto; display: flex; flex-direction: column; gap: 1.5rem; padding: 1.5rem 1rem;
}
.brand { display: flex; align-items: center; gap: .6rem; padding: 0 .6rem; font-weight: 650; color: var(--ink); text-decoration: none; }
.brand svg { flex: none; }
.nav ul { display: grid; gap: .15rem; list-style: none; }
.nav a {
  display: block; padding: .45rem .6rem; border-radius: 8px; color: var(--soft); font-weight: 500; text-decoration: none;
}
.nav a:hover { background: var(--hover); color: var(--ink); }
.nav a[aria-current] { background: var(--accent-soft); color: var(--accent); }
.who { margin-top: auto; display: grid; gap: .5rem; padding: 1rem .6rem 0; border-top: 1px solid var(--line); font-size: .8125rem; }
.who strong { display: block; font-weight: 600; }
.content { min-width: 0; padding: 2rem clamp(1rem, 3vw, 2.5rem) 4rem; }
.content > * { max-width: 76rem; margin-inline: auto; }
.head { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .75rem 1.5rem; margin-bottom: 1.5rem; }
.head > div:first-child { flex: 1 1 20rem; }
.head .actions { margin-top: 0; }
.lead { display: flex; flex-wrap: wrap; gap: 0 .75rem; margin-top: .25rem; }

/* Cards */
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(12, minmax(0, 1fr)); }
.card { grid-column: span 12; background: var(--paper); border: 1px solid var(--line); border-radius: var(--radius); padding: 1.25rem; min-width: 0; }
.card.half { grid-column: span 6; }
.card.third { grid-column: span 4; }
.card.quarter { grid-column: span 3; }
.card > header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: .25rem 1rem; margin-bottom: .9rem; }
.stat { display: grid; gap: .2rem; align-content: start; }
.stat h2 { color: var(--soft); font-size: .8125rem; font-weight: 500; }
.figure { font-size: clamp(1.35rem, 2.2vw, 1.75rem); line-height: 1.2; font-weight: 650; letter-spacing: -.02em; }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .5rem 1.25rem; }
.facts dt { color: var(--soft); }
.empty { padding: 1.25rem 0; color: var(--soft); text-align: center; }

/* Badges */
.badge {
  display: inline-block; padding: .08rem .5rem; border-radius: 999px; font-size: .75rem; font-weight: 600; line-height: 1.5;
  white-space: nowrap; background: var(--hover); color: var(--soft); border: 1px solid transparent;
}
.badge.good { background: var(--good-soft); color: var(--good); }
.badge.warn { background: var(--warn-soft); color: var(--warn); }
.badge.bad { background: var(--bad-soft); color: var(--bad); }
.badge.info { background: var(--accent-soft); color: var(--accent); }

/* Notices */
.notice { padding: .8rem 1rem; border-radius: 10px; border: 1px solid var(--line); background: var(--paper); margin-bottom: 1rem; }
.notice.good { background: var(--good-soft); border-color: transparent; color: var(--good); }
.notice.warn { background: var(--warn-soft); border-color: transparent; color: var(--warn); }
.notice.bad { background: var(--bad-soft); border-color: transparent; color: var(--bad); }

/* Charts */
.chart { display: grid; grid-template-columns: minmax(0, 1fr); gap: .5rem; }
.chart .plot svg { display: block; width: 100%; height: 8.5rem; overflow: visible; }
.chart .plot { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0 .6rem; }
.chart .scale { display: flex; flex-direction: column; justify-content: space-between; text-align: right; }
.chart .scale, .chart .axis { color: var(--soft); font-size: .75rem; line-height: 1; font-variant-numeric: tabular-nums; }
.chart .axis { grid-column: 2; display: flex; justify-content: space-between; padding-top: .5rem; }
.legend { display: flex; flex-wrap: wrap; gap: .35rem 1rem; list-style: none; font-size: .8125rem; color: var(--soft); }
.legend li { display: flex; align-items: center; gap: .4rem; }
.legend b { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }
.swatch { width: .65rem; height: .65rem; border-radius: 3px; flex: none; }
.line { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.one { fill: var(--one); } .two { fill: var(--two); } .three { fill: var(--three); } .four { fill: var(--four); } .five { fill: var(--five); }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; vector-effect: non-scaling-stroke; }
.curve.one { stroke: var(--one); } .curve.two { stroke: var(--two); } .curve.three { stroke: var(--three); }
.curve.one, .curve.two, .curve.three { fill: none; }
.gauge { display: inline-flex; align-items: center; gap: .6rem; width: 100%; min-width: 9rem; }
.gauge svg { flex: 1; height: .5rem; border-radius: 999px; min-width: 4rem; }
.gauge .track { fill: var(--line); }
.gauge .good { fill: var(--good); } .gauge .warn { fill: var(--warn); } .gauge .bad { fill: var(--bad); }
.gauge span { font-size: .8125rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
details > summary { cursor: pointer; color: var(--soft); font-size: .8125rem; }
details[open] > summary { margin-bottom: .5rem; }
.chart details .scroll { max-height: 16rem; overflow: auto; margin: 0; }

/* Controls */
button, .button {
  display: inline-flex; align-items: center; justify-content: center; min-height: 2.375rem; padding: .4rem .95rem;
  border: 1px solid var(--strong-line); border-radius: 8px; background: var(--paper);
  color: var(--ink); font: inherit; font-size: .875rem; font-weight: 550; line-height: 1.5; text-decoration: none; cursor: pointer;
}
button:hover, .button:hover { background: var(--hover); }
.button.primary, button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.button.danger, button.danger { background: var(--bad); border-color: var(--bad); color: var(--paper); }
button.link { display: inline; min-height: 0; padding: 0; font-weight: 500; border: 0; background: none; color: var(--accent); text-decoration: underline; text-underline-offset: .2em; font-size: inherit; }
input, select, textarea {
  width: 100%; min-height: 2.375rem; padding: .4rem .7rem; border: 1px solid var(--strong-line); border-radius: 8px; background: var(--paper);
  color: var(--ink); font: inherit; font-size: .9375rem;
}
textarea { display: block; min-height: 6rem; resize: vertical; }
::placeholder { color: var(--soft); opacity: 1; }
.hint { margin-top: .25rem; }
.form { max-width: 40rem; }
label { display: block; margin-bottom: .25rem; font-size: .8125rem; font-weight: 550; }
.fields { display: flex; flex-wrap: wrap; gap: .75rem 1rem; align-items: start; margin-bottom: 1rem; }
.fields > * { flex: 1 1 7rem; min-width: 0; }
/* As high as the label of a field, beside it. */
.fields > :has(select) { flex-grow: 1.5; }
.fields > button { flex: 0 0 auto; margin-top: 1.47rem; }
.inline { display: flex; flex-wrap: wrap; gap: .5rem; }
.inline input { flex: 1 1 10rem; width: auto; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.25rem; }
.choice { display: inline-flex; padding: .2rem; border-radius: 9px; background: var(--hover); border: 1px solid var(--line); list-style: none; }
.choice a { display: block; padding: .3rem .8rem; border-radius: 7px; color: var(--soft); font-size: .8125rem; font-weight: 550; text-decoration: none; }
.choice a[aria-current] { background: var(--paper); color: var(--ink); box-shadow: 0 1px 2px rgb(0 0 0 / .12); }

/* Pages without a frame */
.alone { min-height: 100vh; display: grid; place-items: center; padding: 1.5rem 1rem; }
.alone main { width: min(26rem, 100%); padding: 2rem; background: var(--paper); border: 1px solid var(--line); border-radius: 16px; display: grid; gap: 1rem; }
.alone .brand { padding: 0; }
.alone .button { text-align: center; padding: .65rem 1rem; }

@media (max-width: 62rem) {
  .card.half, .card.third { grid-column: span 12; }
  .card.quarter { grid-column: span 6; }
}
@media (max-width: 48rem) {
  .frame { grid-template-columns: minmax(0, 1fr); grid-template-rows: auto 1fr; background: none; }
  .side { position: static; height: auto; flex-direction: row; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; padding: .75rem 1rem; background: var(--paper); border-bottom: 1px solid var(--line); }
  .brand { padding: 0; }
  .nav { order: 3; width: 100%; }
  .nav ul { display: flex; flex-wrap: wrap; }
  .nav ul { gap: 0; margin-inline: -.5rem; }
  .nav a { padding: .35rem .5rem; font-size: .875rem; }
  .who { display: flex; align-items: baseline; margin: 0 0 0 auto; padding: 0; border: 0; gap: .75rem; }
  .who strong { max-width: 16rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  .who .soft { display: none; }
  .content { padding-top: 1.25rem; }
  .fields > * { flex-basis: 8rem; }
  .fields > button { align-self: end; margin-top: 0; }
}
@media (max-width: 24rem) {
  .side .brand { gap: 0; font-size: 0; }
  .who strong { max-width: 11rem; }
  .card { padding: 1rem; }
  .figure { font-size: 1.4rem; }
  .facts { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .facts dd { margin-bottom: .5rem; }
}
@media (forced-colors: active) {
  .badge, .card, .notice { border: 1px solid CanvasText; }
  .nav a[aria-current], .choice a[aria-current] { border: 1px solid Highlight; }
}
${LISTS_STYLE}`;
