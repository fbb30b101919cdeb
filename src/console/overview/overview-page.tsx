import type { ComponentChildren } from 'preact';
import type {
  CountPart,
  GrantsSnapshot,
  OverviewNow,
} from '../../token-store/console/overview.repository.js';
import { Chart } from '../views/chart.js';
import { Form, Layout, renderConsole, type Viewer } from '../views/layout.js';
import { ago, Choice, Notice, Stat, Time, whole } from '../views/parts.js';
import { type Activity, PERIODS } from './activity-series.js';
import { Grants, GrantsByClient } from './grants-cards.js';
import { System, type SystemFacts } from './system-card.js';

export interface OverviewFacts {
  readonly person: Viewer;
  readonly now: Date;
  readonly current: OverviewNow;
  readonly system: SystemFacts;
  readonly activity: Activity;
}

/** Above it, waiting webhooks are counted no further. */
const MANY = 10_000;

const PARTS: Readonly<Record<CountPart, string>> = {
  status: 'grants by status',
  services: 'services',
  accounts: 'fullest accounts',
  expiry: 'expiring grants',
  cause: 'why grants give no tokens',
};

/** What is connected, what is failing, and who must act. */
export function overviewPage({ person, now, current, system, activity }: OverviewFacts): string {
  const { grants, takenAt } = current;
  const lead = (
    <>
      <span>
        {takenAt === null ? (
          'Grants are not counted yet.'
        ) : (
          <>
            Grants as counted <Time at={takenAt} now={now} />.
          </>
        )}
      </span>
      {person.role === 'operator' ? <CountAgain person={person} /> : null}
    </>
  );
  const periods = PERIODS.map(({ name, title }) => ({
    name: title,
    href: name === 'hour' ? '/console' : `/console?period=${name}`,
    isCurrent: name === activity.period.name,
  }));
  return renderConsole(
    <Layout
      person={person}
      at="/console"
      title="Overview"
      lead={lead}
      actions={<Choice name="Time of the charts" options={periods} />}
    >
      {system.changeFeedFault === null ? null : (
        <Notice tone="bad">
          This replica is not notified of changes ({system.changeFeedFault}): it answers every call from the
          database.
        </Notice>
      )}
      {grants?.missing === undefined ? null : (
        <Notice tone="bad">
          A part of the grants could not be counted ({grants.missing.map((part) => PARTS[part]).join(', ')}):
          the log of the replica that counted says why.
        </Notice>
      )}
      <div class="grid">
        <Figures grants={grants} current={current} system={system} now={now} />
        <Charts activity={activity} />
        {grants === null ? null : <GrantsByClient grants={grants} />}
        <System system={system} current={current} now={now} />
        {grants === null ? null : <Grants grants={grants} slotLimit={system.slotLimit} />}
      </div>
    </Layout>,
  );
}

/** What takes a look at all grants is done every few minutes, or now. */
function CountAgain({ person }: { readonly person: Viewer }) {
  return (
    <Form person={person} action="/console/count">
      <button class="link">Count again</button>
    </Form>
  );
}

function Figures({
  grants,
  current,
  system,
  now,
}: {
  readonly grants: GrantsSnapshot | null;
  readonly current: OverviewNow;
  readonly system: SystemFacts;
  readonly now: Date;
}) {
  const { waiting, oldestWaiting, abandoned } = current;
  const countOf = (...statuses: readonly string[]) =>
    grants?.byStatus &&
    sum(grants.byStatus.filter(({ status }) => statuses.includes(status)).map(({ count }) => count));
  const active = countOf('active');
  const dead = countOf('reconnect_required', 'suspended');
  const week = grants?.expiring && sum(grants.expiring.map((each) => each.week));
  const month = grants?.expiring && sum(grants.expiring.map((each) => each.month));
  const gone = abandoned === 0 ? '' : ` · ${whole(abandoned)} abandoned in 7 days`;
  return (
    <>
      <Stat name="Active grants" figure={shown(active)} note="Tokens are issued for these" />
      <Stat name="Without tokens" figure={shown(dead)} note="Someone must act: see below" />
      <Stat
        name="Expire in 7 days"
        figure={shown(week)}
        note={`${shown(month)} in 30 days, unless used or renewed`}
      />
      <Stat
        name="Webhooks waiting"
        figure={waiting > MANY ? `over ${whole(MANY)}` : whole(waiting)}
        note={
          !system.sendsWebhooks
            ? 'There is no webhook'
            : `${oldestWaiting === null ? 'Nothing waits' : `The oldest is from ${ago(oldestWaiting, now)}`}${gone}`
        }
      />
    </>
  );
}

function Charts({ activity }: { readonly activity: Activity }) {
  const { period, labels, tokens, connects, google, latency } = activity;
  const each = `each ${period.span}, UTC`;
  const common = { labels };
  return (
    <>
      <ChartCard title="Tokens a minute">
        <Chart {...common} id="tokens" title="Tokens" unit="a minute, UTC" kind="bars" series={tokens} />
      </ChartCard>
      <ChartCard title="Connects">
        <Chart {...common} id="connects" title="Connects" unit={each} kind="bars" series={connects} />
      </ChartCard>
      <ChartCard title="Google's answers to refreshes">
        <Chart {...common} id="google" title="Google's answers" unit={each} kind="bars" series={google} />
      </ChartCard>
      <ChartCard title="How long Google takes">
        <Chart {...common} id="latency" title="Milliseconds" unit="up to" kind="curves" series={latency} />
      </ChartCard>
    </>
  );
}

function ChartCard({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <section class="card half" aria-label={title}>
      <header>
        <h2>{title}</h2>
      </header>
      {children}
    </section>
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function shown(count: number | null | undefined): string {
  return count == null ? '–' : whole(count);
}
