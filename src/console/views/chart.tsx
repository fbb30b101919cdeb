/**
 * Charts over time, as SVG that needs no script: stacked bars, or curves. What a chart shows is said in words for those who do not
 * see it (title, description), and stands in a table below. Owns the geometry; colours are classes of the stylesheet.
 */
import { Table } from './table.js';
import { compact, whole } from './parts.js';

export interface Series {
  readonly name: string;
  readonly tone: 'one' | 'two' | 'three' | 'four' | 'five';
  /** One for each label; null where nothing was measured. */
  readonly values: readonly (number | null)[];
  /** Beside its name in the legend: a sum, or the value of the whole time. */
  readonly note: string;
  /** In legend and table only: it is not part of what the columns add up to. */
  readonly isApart?: true;
}

interface ChartProps {
  /** Unique on the page. */
  readonly id: string;
  readonly title: string;
  readonly kind: 'bars' | 'curves';
  /** Of the values, such as `a minute`. */
  readonly unit: string;
  /** The beginning of each step. */
  readonly labels: readonly string[];
  readonly series: readonly Series[];
}

const WIDTH = 600;
const HEIGHT = 120;

export function Chart(props: ChartProps) {
  const { id, title, kind, unit, labels, series } = props;
  const drawn = series.filter(({ isApart }) => !isApart);
  const max = niceMax(drawn, kind);
  const described = series.map((each) => `${each.name}: ${each.note}`).join(', ');
  return (
    <figure class="chart">
      <Legend series={series} />
      <div class="plot">
        <div class="scale" aria-hidden="true">
          <span>{compact(max)}</span>
          <span>0</span>
        </div>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-labelledby={`${id}-title ${id}-description`}
        >
          <title id={`${id}-title`}>{`${title}, ${unit}`}</title>
          <desc id={`${id}-description`}>
            {`From ${labels[0] ?? ''} to ${labels.at(-1) ?? ''}. ${described}. The scale ends at ${whole(max)}.`}
          </desc>
          {[0, HEIGHT / 2, HEIGHT].map((y) => (
            <line class="line" x1="0" x2={WIDTH} y1={y} y2={y} />
          ))}
          {kind === 'bars' ? (
            <Bars labels={labels} series={drawn} max={max} />
          ) : (
            <Curves series={drawn} max={max} />
          )}
        </svg>
        <div class="axis" aria-hidden="true">
          <span>{labels[0]}</span>
          <span>{labels[Math.floor(labels.length / 2)]}</span>
          <span>{labels.at(-1)}</span>
        </div>
      </div>
      <details>
        <summary>
          As a table<span class="hidden">: {title}</span>
        </summary>
        <Values {...props} />
      </details>
    </figure>
  );
}

function Legend({ series }: { readonly series: readonly Series[] }) {
  return (
    <ul class="legend">
      {series.map((each) => (
        <li>
          <svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">
            <rect class={each.tone} width="10" height="10" />
          </svg>
          {each.name} <b>{each.note}</b>
        </li>
      ))}
    </ul>
  );
}

/** The first series at the bottom. */
function Bars({ labels, series, max }: Pick<ChartProps, 'labels' | 'series'> & { readonly max: number }) {
  const step = WIDTH / Math.max(1, labels.length);
  const gap = Math.min(3, step * 0.2);
  return (
    <>
      {labels.map((label, at) => {
        const values = series.map((each) => each.values[at] ?? 0);
        if (values.every((value) => value === 0)) return null;
        let top = HEIGHT;
        return (
          <g>
            <title>{`${label}: ${series.map(({ name }, index) => `${name} ${whole(values[index] ?? 0)}`).join(', ')}`}</title>
            {values.map((value, index) => {
              const height = (value / max) * HEIGHT;
              top -= height;
              return height === 0 ? null : (
                <rect
                  class={series[index]?.tone}
                  x={rounded(at * step + gap / 2)}
                  y={rounded(top)}
                  width={rounded(step - gap)}
                  height={rounded(height)}
                />
              );
            })}
          </g>
        );
      })}
    </>
  );
}

/** A step without a value breaks the curve; one alone is a dot. */
function Curves({ series, max }: { readonly series: readonly Series[]; readonly max: number }) {
  return (
    <>
      {series.map(({ tone, values }) => (
        <path class={`curve ${tone}`} d={pathOf(values, max)} />
      ))}
    </>
  );
}

function pathOf(values: readonly (number | null)[], max: number): string {
  const step = WIDTH / Math.max(1, values.length - 1);
  return values
    .map((value, at) => {
      if (value === null) return '';
      const point = `${rounded(at * step)} ${rounded(HEIGHT - (value / max) * HEIGHT)}`;
      const isFirst = at === 0 || values[at - 1] === null;
      const isAlone = isFirst && (values[at + 1] ?? null) === null;
      return `${isFirst ? 'M' : 'L'}${point}${isAlone ? 'h.1' : ''}`;
    })
    .join('');
}

function Values({ title, labels, series }: ChartProps) {
  const rows = labels
    .map((label, at) => ({ label, values: series.map((each) => each.values[at] ?? null) }))
    .filter(({ values }) => values.some((value) => value !== null && value !== 0));
  return (
    <Table
      caption={title}
      columns={[
        { name: 'From', cell: ({ label }) => label },
        ...series.map(({ name }, index) => ({
          name,
          isNumber: true,
          cell: ({ values }: (typeof rows)[number]) => {
            const value = values[index] ?? null;
            return value === null ? '–' : whole(Math.round(value));
          },
        })),
      ]}
      rows={rows}
      empty="Nothing in this time."
      staysTable
    />
  );
}

/** The next round number above the highest column. */
function niceMax(series: readonly Series[], kind: ChartProps['kind']): number {
  const steps = series[0]?.values.map((_, at) => series.map(({ values }) => values[at] ?? 0)) ?? [];
  const highest = Math.max(
    1,
    ...steps.map((values) =>
      kind === 'bars' ? values.reduce((sum, value) => sum + value, 0) : Math.max(...values),
    ),
  );
  const power = 10 ** Math.floor(Math.log10(highest));
  const nice = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= highest) ?? 10;
  return nice * power;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
