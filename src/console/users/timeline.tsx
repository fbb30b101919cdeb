import type { TimelineEvent } from '../../grants/grant-timeline.js';
import { Details } from '../views/details.js';
import { Badge, Moment, whole } from '../views/parts.js';

const STEPS: Readonly<Record<Exclude<TimelineEvent['kind'], 'audit'>, string>> = {
  created: 'Created',
  consented: 'Consent',
  imported: 'Imported',
  refreshed: 'Refreshed',
};

/** Actions of the trail (docs/audit.md) as steps in the life of a grant. */
const ACTIONS: Readonly<Record<string, string>> = {
  'connect.consent': 'Consent',
  'connect.completion': 'Consent, confirmed by the app',
  'token.issue': 'Token asked for',
  'token.refresh': 'Refresh',
  'grant.import': 'Imported',
  'grant.disconnect': 'Disconnect',
  'grant.read': 'Read',
  'security.event': 'Security event of Google',
  'service_account.add': 'Service account added',
  'service_account.remove': 'Service account removed',
};

/** What happened to a grant, the newest first. */
export function Timeline({ events, now }: { readonly events: readonly TimelineEvent[]; readonly now: Date }) {
  if (events.length === 0) return <p class="empty">The audit trail has no event of it any more.</p>;
  return (
    <ol class="timeline">
      {[...events].reverse().map((event) => (
        <li>
          <Moment at={event.at} now={now} />
          <div>
            <Step step={event} />
          </div>
        </li>
      ))}
    </ol>
  );
}

function Step({ step }: { readonly step: TimelineEvent }) {
  if (step.kind !== 'audit') return <strong>{STEPS[step.kind]}</strong>;
  const { action, outcome, actor, count, details } = step.event;
  return (
    <>
      <strong>{ACTIONS[action] ?? action}</strong>{' '}
      <Badge tone={outcome === 'ok' ? 'good' : 'warn'}>{outcome.replaceAll('_', ' ')}</Badge>
      <span class="soft">
        {' '}
        by {actor}
        {count > 1 ? `, ${whole(count)} times` : ''}
      </span>
      <Details details={details} />
    </>
  );
}
