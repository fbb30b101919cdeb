/** What GET /metrics answers, read as Prometheus reads it. */

export interface MetricLine {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export async function scrape(url: string): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

export function linesOf(text: string): MetricLine[] {
  const samples = text.matchAll(/^([a-z_]+)(?:\{(.*)\})? (\S+)$/gm);
  return [...samples].map(([, name = '', labels = '', value]) => ({
    name,
    labels: Object.fromEntries(
      [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', text = '']) => [label, text]),
    ),
    value: Number(value),
  }));
}

/** @returns the sum of the series of a name that have these labels; null where there is none */
export function valueOf(
  lines: readonly MetricLine[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | null {
  const matching = lines.filter(
    (line) =>
      line.name === `token_broker_${name}` &&
      Object.entries(labels).every(([label, value]) => line.labels[label] === value),
  );
  return matching.length === 0 ? null : matching.reduce((sum, { value }) => sum + value, 0);
}
