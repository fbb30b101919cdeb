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
  const next = nextStep(grant);
  return (
    <section class="card">
      <p>
        <strong>{grant.account.email ?? grant.account.sub}</strong>{' '}
        <span class={`badge ${mood}`}>{words}</span>
      </p>
      {why === undefined ? null : <p>{why}</p>}
      {next === null ? null : <p class="soft">{next}</p>}
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

function nextStep({ status, diagnosis }: Grant): string | null {
  if (status === 'active') return null;
  if (status === 'suspended') return 'It works again by itself once Google has enabled the account.';
  if (status === 'revoking') return 'The broker goes on by itself until Google confirms.';
  if (diagnosis?.who_must_act === 'workspace_admin') return 'The Workspace administrator must act first.';
  if (diagnosis?.who_must_act === 'operator') return 'The operator of the broker must act first.';
  return 'Test an API request, or the auth flow directly, to connect it again.';
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
