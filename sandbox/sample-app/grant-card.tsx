import type { Grant } from './broker.js';
import { inOrder, inWords } from './scopes.js';

const STATUS = {
  active: { mood: 'good', words: 'Connected' },
  suspended: { mood: 'bad', words: 'Suspended by Google' },
  revoking: { mood: 'warn', words: 'Being revoked' },
  reconnect_required: { mood: 'bad', words: 'Must be connected again' },
  revoked: { mood: 'bad', words: 'Revoked' },
};

/** One Google account: its state, its granted scopes, the missing ones. */
export function GrantCard({ grant }: { readonly grant: Grant }) {
  const { mood, words } = STATUS[grant.status];
  const why = grant.status === 'active' ? undefined : grant.diagnosis?.detail;
  return (
    <section class="card">
      <p>
        <strong>{grant.account.email ?? grant.account.sub}</strong>{' '}
        <span class={`badge ${mood}`}>{words}</span>
      </p>
      {why === undefined ? null : <p>{why}</p>}
      <dl>
        <dt>Granted</dt>
        <Scopes scopes={grant.scope.split(' ').filter(Boolean)} />
        {grant.missing_scopes.length === 0 ? null : (
          <>
            <dt>Missing</dt>
            <Scopes scopes={grant.missing_scopes} mood="warn" />
          </>
        )}
      </dl>
    </section>
  );
}

function Scopes({ scopes, mood = '' }: { readonly scopes: readonly string[]; readonly mood?: string }) {
  return (
    <dd>
      <ul class={mood}>
        {inOrder(scopes).map((scope) => (
          <li title={scope}>{inWords(scope)}</li>
        ))}
      </ul>
    </dd>
  );
}
