/** Small components: cards, figures, badges, gauges, notices, choices, times. */
import type { ComponentChildren } from 'preact';

type Tone = 'good' | 'warn' | 'bad' | 'info' | 'plain';

interface CardProps {
  readonly title: string;
  /** Beside the title. */
  readonly note?: ComponentChildren;
  readonly width?: 'half' | 'third' | 'quarter';
  readonly children: ComponentChildren;
}

export function Card({ title, note, width, children }: CardProps) {
  return (
    <section class={`card ${width ?? ''}`} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {note === undefined ? null : <span class="soft small">{note}</span>}
      </header>
      {children}
    </section>
  );
}

/** One figure with its name. */
export function Stat({
  name,
  figure,
  note,
}: {
  readonly name: string;
  readonly figure: ComponentChildren;
  readonly note?: ComponentChildren;
}) {
  return (
    <section class="card quarter stat" aria-label={name}>
      <h2>{name}</h2>
      <p class="figure">{figure}</p>
      {note === undefined ? null : <p class="soft small">{note}</p>}
    </section>
  );
}

export function Badge({
  tone = 'plain',
  children,
}: {
  readonly tone?: Tone;
  readonly children: ComponentChildren;
}) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

/** Of a grant. */
const STATUS_TONES: Readonly<Record<string, Tone>> = {
  active: 'good',
  suspended: 'warn',
  reconnect_required: 'bad',
  revoked: 'plain',
};

export function StatusBadge({ status }: { readonly status: string }) {
  return <Badge tone={STATUS_TONES[status] ?? 'plain'}>{status.replaceAll('_', ' ')}</Badge>;
}

const NEARLY_FULL = 0.7;
const FULL = 0.9;

/** How much of a limit is used. */
export function Gauge({
  name,
  used,
  limit,
}: {
  readonly name: string;
  readonly used: number;
  readonly limit: number;
}) {
  const share = limit === 0 ? 1 : Math.min(1, used / limit);
  const tone = share >= FULL ? 'bad' : share >= NEARLY_FULL ? 'warn' : 'good';
  return (
    <span class="gauge">
      <svg
        viewBox="0 0 100 8"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${name}: ${used} of ${limit}`}
      >
        <rect class="track" width="100" height="8" />
        <rect class={tone} width={100 * share} height="8" />
      </svg>
      <span aria-hidden="true">
        {used} / {limit}
      </span>
    </span>
  );
}

export function Notice({
  tone,
  children,
}: {
  readonly tone: 'good' | 'warn' | 'bad';
  readonly children: ComponentChildren;
}) {
  return (
    <p class={`notice ${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      {children}
    </p>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly options: readonly { readonly name: string; readonly href: string; readonly isCurrent: boolean }[];
}

/** One of a few views of the same page, by links. */
export function Choice({ name, options }: ChoiceProps) {
  return (
    <nav aria-label={name}>
      <ul class="choice">
        {options.map((option) => (
          <li>
            <a href={option.href} aria-current={option.isCurrent ? 'true' : undefined}>
              {option.name}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

const WHOLE = new Intl.NumberFormat('en');
const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const STEPS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

export const whole = (value: number): string => WHOLE.format(value);
export const compact = (value: number): string =>
  Math.abs(value) < 10_000 ? WHOLE.format(value) : COMPACT.format(value);

/** Such as `5 minutes ago`. */
export function ago(time: Date, now: Date): string {
  const seconds = (time.getTime() - now.getTime()) / 1000;
  const [unit, size] = STEPS.find(([, each]) => Math.abs(seconds) >= each) ?? ['second', 1];
  return RELATIVE.format(Math.round(seconds / size), unit);
}

interface TimeProps {
  readonly at: Date;
  readonly now: Date;
}

/** How long ago it was, or when it will be; the time itself, in UTC, as its title. */
export function Time({ at, now }: TimeProps) {
  return (
    <time datetime={at.toISOString()} title={at.toISOString()}>
      {ago(at, now)}
    </time>
  );
}

/** A time to the second, in UTC, and how long ago it was: for lists of what happened. */
export function Moment({ at, now }: TimeProps) {
  const [day = '', time = ''] = at.toISOString().split('T');
  return (
    <time class="moment" datetime={at.toISOString()}>
      {day} {time.slice(0, 8)}
      <span class="soft small">{ago(at, now)}</span>
    </time>
  );
}
