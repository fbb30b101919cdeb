/** A grant as the console shows it: what it is, when it ends or why it is dead, its slots, and what happened. */
import type { GrantHistory } from '../../grants/grant-timeline.js';
import { missingScopes } from '../../domain/google/scopes.js';
import { type Grant, isDead } from '../../domain/grant/grant.js';
import { grantPath, linkPath, pathWith, userPath } from '../paths.js';
import type { Viewer } from '../views/layout.js';
import { Badge, Card, Gauge, StatusBadge, Time, whole } from '../views/parts.js';
import { Timeline } from './timeline.js';

interface GrantCardProps {
  readonly person: Viewer;
  readonly history: GrantHistory;
  readonly now: Date;
}

export function GrantCard({ person, history, now }: GrantCardProps) {
  const { grant } = history;
  if (!grant) return null;
  const path = grantPath(grant.id);
  return (
    <Card title={nameOf(grant)} note={<StatusBadge status={grant.status} />}>
      <GrantFacts grant={grant} history={history} now={now} />
      <h3>Timeline</h3>
      <Timeline events={history.events} now={now} />
      <div class="actions">
        <a class="button" href={path}>
          Whole timeline<span class="hidden">{` of ${nameOf(grant)}`}</span>
        </a>
        {person.role === 'operator' && grant.kind === 'user' ? (
          <a class="button" href={pathWith(linkPath(grant.userId), { grant: grant.id })}>
            Link to connect again<span class="hidden">{`: ${nameOf(grant)}`}</span>
          </a>
        ) : null}
        <a class="button" href={`${path}/disconnect`}>
          Disconnect…<span class="hidden">{` ${nameOf(grant)}`}</span>
        </a>
      </div>
    </Card>
  );
}

/** The account, and the client that it was connected with. */
export function nameOf({ account, client }: Pick<Grant, 'account' | 'client'>): string {
  return `${account.email ?? account.sub} with ${client}`;
}

interface GrantFactsProps {
  readonly grant: Grant;
  readonly history: GrantHistory;
  readonly now: Date;
}

export function GrantFacts({ grant, history, now }: GrantFactsProps) {
  const { expiry, slots } = history;
  const missing = missingScopes(grant.requestedScopes, grant.grantedScopes);
  return (
    <dl class="facts">
      <dt>Account</dt>
      <dd>
        {grant.account.email === null ? null : <>{grant.account.email} </>}
        <code>{grant.account.sub}</code>
      </dd>
      {grant.subject === null ? null : (
        <>
          <dt>Acts for</dt>
          <dd>{grant.subject}</dd>
        </>
      )}
      <Cause grant={grant} />
      {expiry === null ? null : (
        <>
          <dt>Expires</dt>
          <dd>
            <Time at={expiry.at} now={now} /> ({expiry.reason.replaceAll('_', ' ')})
          </dd>
        </>
      )}
      <dt>Scopes</dt>
      <dd>
        <Scopes scopes={grant.grantedScopes} />
      </dd>
      {missing.length === 0 ? null : (
        <>
          <dt>Not allowed</dt>
          <dd>
            <Scopes scopes={missing} />
          </dd>
        </>
      )}
      <dt>Refreshed</dt>
      <dd>
        {grant.refreshedAt === null || grant.refreshes === 0 ? (
          'not yet'
        ) : (
          <>
            <Time at={grant.refreshedAt} now={now} />, {whole(grant.refreshes)} in all
          </>
        )}
      </dd>
      {slots === null ? null : (
        <>
          <dt>Slots</dt>
          <dd>
            <Gauge name={`Slots of ${nameOf(grant)}`} used={slots.used} limit={slots.limit} />
            <NextEvicted slots={slots} grant={grant} now={now} />
          </dd>
        </>
      )}
    </dl>
  );
}

function Cause({ grant }: { readonly grant: Grant }) {
  const { diagnosis } = grant;
  if (diagnosis === null) return null;
  const title = isDead(grant) ? 'Dead because' : 'No tokens because';
  return (
    <>
      <dt>{title}</dt>
      <dd>
        {diagnosis.cause.replaceAll('_', ' ')} <Badge>{diagnosis.confidence}</Badge>
        <div class="soft">{diagnosis.detail}</div>
        <div>Who must act: {diagnosis.who_must_act.replaceAll('_', ' ')}</div>
      </dd>
    </>
  );
}

function Scopes({ scopes }: { readonly scopes: readonly string[] }) {
  if (scopes.length === 0) return <>none</>;
  return (
    <ul class="scopes">
      {scopes.map((scope) => (
        <li>
          <code>{scope}</code>
        </li>
      ))}
    </ul>
  );
}

interface NextEvictedProps {
  readonly slots: NonNullable<GrantHistory['slots']>;
  readonly grant: Grant;
  readonly now: Date;
}

function NextEvicted({ slots: { oldest, free, isOldestCertain }, grant, now }: NextEvictedProps) {
  if (oldest === null) return null;
  const when =
    free === 0 ? 'The next consent ends ' : `When ${whole(free)} more are taken, the next consent ends `;
  return (
    <div class="small">
      {when}
      <OwnerOf token={oldest} grant={grant} />
      {oldest.isAgeKnown ? (
        <>
          , issued <Time at={oldest.issuedAt} now={now} />
        </>
      ) : (
        ', which was imported'
      )}
      {oldest.current ? '' : ' and is no longer used'}
      {isOldestCertain ? '.' : '; another imported one may be older.'}
    </div>
  );
}

function OwnerOf({
  token: { grantId, userId },
  grant,
}: {
  readonly token: NonNullable<NextEvictedProps['slots']['oldest']>;
  readonly grant: Grant;
}) {
  if (grantId === grant.id) return <strong>the token of this grant</strong>;
  if (grantId === null) return <>a token that no grant uses</>;
  return (
    <>
      the token of <a href={grantPath(grantId)}>another grant</a>
      {userId === null ? null : (
        <>
          {' '}
          of <a href={userPath(userId)}>{userId}</a>
        </>
      )}
    </>
  );
}
