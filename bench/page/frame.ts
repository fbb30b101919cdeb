/** What all plots share: a card with its own background in light and dark, the colours, and text that is safe in SVG. */

/** Who is drawn, always in the same colour. */
export type Tone = 'broker' | 'second' | 'node' | 'nest' | 'other';

/** Distinguishable with any colour vision, and against both backgrounds. */
const STYLE = `
  :root { --card: #ffffff; --line: #d8dee4; --text: #1f2328; --quiet: #59636e;
    --broker: #12805c; --second: #4da583; --node: #8a94a3; --nest: #c77d0a; --other: #b5407a; }
  @media (prefers-color-scheme: dark) { :root { --card: #0d1117; --line: #30363d; --text: #e6edf3; --quiet: #9198a1;
    --broker: #3fb98a; --second: #2a8f6a; --node: #7d8794; --nest: #e3a33a; --other: #e274ab; } }
  text { fill: var(--text); } .quiet { fill: var(--quiet); } .strong { font-weight: 600; } .title { font-weight: 600; font-size: 15px; }
  .card { fill: var(--card); stroke: var(--line); } .line { stroke: var(--line); } .dot { fill: var(--text); fill-opacity: .55; }
  ${(['broker', 'second', 'node', 'nest', 'other'] as const)
    .map(
      (tone) =>
        `.bar.${tone}, .point.${tone} { fill: var(--${tone}); } .curve.${tone} { stroke: var(--${tone}); }`,
    )
    .join('\n  ')}
  .curve { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
`;

export const WIDTH = 820;

export function frame(title: string, note: string, height: number, content: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}"
  font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="13">
<style>${STYLE}</style>
<rect class="card" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>
${text(24, 32, title, 'title')}
${text(24, 52, note, 'quiet')}
${content.join('\n')}
</svg>
`;
}

export function text(
  x: number,
  y: number,
  content: string,
  style = '',
  anchor: 'start' | 'middle' | 'end' = 'start',
) {
  return `<text x="${at(x)}" y="${at(y)}" class="${style}" text-anchor="${anchor}">${escape(content)}</text>`;
}

export const at = (value: number): string => String(Math.round(value * 10) / 10);

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
