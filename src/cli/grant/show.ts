import { Command } from 'commander';
import type { Grant } from '../../domain/grant/grant.js';
import { isUuid } from '../../domain/text.js';
import type { GrantHistory, TimelineEvent } from '../../grants/grant-timeline.js';
import { printResult, type TableResult } from '../shared/command-result.js';
import { EXIT, Failure } from '../shared/failure.js';
import { readSettings, withModules } from '../shared/open-broker.js';
import { wrapped } from '../shared/table.js';
import { count, moment } from '../shared/values.js';

const EXAMPLES = `
Examples:
  token-broker grant show 0b6a1c9e-7f43-4b0e-9d54-8f7f3f0f5a11
  token-broker grant show 0b6a1c9e-7f43-4b0e-9d54-8f7f3f0f5a11 --json

Shows what a grant is, when it expires or why it is dead, the refresh-token
slots of its account, and what happened to it. Tokens that were issued and
refreshes that went well are left out, except for the last one. Of a grant that
was disconnected, what the audit trail still has is shown.`;

interface Options {
  readonly limit: number;
}

export function grantShow(): Command {
  return new Command('show')
    .description('Show one grant: state, slots and timeline')
    .argument('<id>', 'the id of a grant')
    .option('--limit <count>', 'how many events of the audit trail, the newest', count, 100)
    .addHelpText('after', EXAMPLES)
    .action(printResult(show));
}

async function show(id: string, { limit }: Options): Promise<TableResult> {
  const [
    settings,
    { GrantsAdminModule },
    { GrantTimeline },
    { toGrantResponse },
    { toAuditEventResponse },
    { DeclaredSettingsRepository },
  ] = await Promise.all([
    readSettings(process.env),
    import('./grants-admin.module.js'),
    import('../../grants/grant-timeline.js'),
    import('../../grants/grant.response.js'),
    import('../../audit/audit.response.js'),
    import('../../token-store/declarations/declared-settings.repository.js'),
  ]);
  const found = isUuid(id)
    ? await withModules(settings, [GrantsAdminModule], async (broker) => ({
        history: await broker.get(GrantTimeline).of(id.toLowerCase(), null, limit),
        testingClients: await broker.get(DeclaredSettingsRepository).testingClients(),
      }))
    : null;
  if (!found?.history) throw noSuchGrant(id);
  const { history, testingClients } = found;
  const { grant, slots, events, olderThan } = history;
  return {
    text: (width) => [grant ? inWords(history, grant, width) : GONE, ...timeline(history, width)].join('\n'),
    json: {
      grant: grant && toGrantResponse(grant, testingClients),
      slots: slots && {
        limit: slots.limit,
        used: slots.used,
        free: slots.free,
        certain: slots.isOldestCertain,
        // The first is evicted next.
        tokens: slots.tokens.map(({ grantId, userId, issuedAt, isAgeKnown, current }) => ({
          grant_id: grantId,
          user_id: userId,
          issued_at: isAgeKnown ? issuedAt : null,
          current,
        })),
      },
      events: events.map((event) =>
        event.kind === 'audit' ? Object.assign({ kind: 'audit' }, toAuditEventResponse(event.event)) : event,
      ),
      has_more: olderThan !== null,
    },
  };
}

export function noSuchGrant(id: string): Failure {
  return new Failure(
    EXIT.notFound,
    'grant_not_found',
    `There is no grant ${id}, and no event of one. \`token-broker grant list\` lists them.`,
  );
}

const GONE = 'This grant was disconnected. What the audit trail still has:';

function inWords({ expiry, slots }: GrantHistory, grant: Grant, width: number): string {
  const { account, diagnosis, grantedScopes, requestedScopes } = grant;
  const missing = requestedScopes.filter((scope) => !grantedScopes.includes(scope));
  const next = slots?.oldest;
  const facts: [string, string | null][] = [
    ['user', grant.userId],
    ['client', grant.client],
    ['account', account.email === null ? account.sub : `${account.email} (${account.sub})`],
    ['acts for', grant.subject],
    ['status', grant.status],
    [
      'cause',
      diagnosis &&
        `${diagnosis.cause} (${diagnosis.confidence}). ${diagnosis.detail} Who must act: ${diagnosis.who_must_act}.`,
    ],
    ['expires', expiry && `${moment(expiry.at)} (${expiry.reason})`],
    ['scopes', grantedScopes.join(' ') || 'none'],
    ['missing', missing.length > 0 ? missing.join(' ') : null],
    ['refreshed', grant.refreshedAt && `${moment(grant.refreshedAt)}, ${grant.refreshes} time(s) in all`],
    ['slots', slots && `${slots.used} of ${slots.limit} taken, ${slots.free} free`],
    [
      'evicted next',
      next
        ? (next.grantId === grant.id ? 'the token of this grant' : tokenOf(next)) +
          (next.isAgeKnown ? `, issued ${moment(next.issuedAt)}` : ', imported') +
          (next.current ? '' : ', no longer used') +
          (slots.isOldestCertain ? '' : '; another imported one may be older')
        : null,
    ],
  ];
  const lines = facts.flatMap(([name, value]) =>
    value === null ? [] : [`  ${name.padEnd(LABEL)}${wrapped(value, width, ' '.repeat(LABEL + 2))}`],
  );
  return [`Grant ${grant.id}`, ...lines].join('\n');
}

const LABEL = 14;

function tokenOf({ grantId, userId }: { readonly grantId: string | null; readonly userId: string | null }) {
  return grantId === null
    ? 'a token that no grant uses'
    : `that of grant ${grantId} of user ${userId ?? '?'}`;
}

function timeline({ events, olderThan }: GrantHistory, width: number): string[] {
  return [
    '',
    'Timeline',
    ...(olderThan ? ['  older events: raise --limit'] : []),
    ...events.map((event) => `  ${moment(event.at)}  ${wrapped(lineOf(event), width, ' '.repeat(24))}`),
  ];
}

function lineOf(step: TimelineEvent): string {
  if (step.kind !== 'audit') return step.kind;
  const { action, outcome, actor, count: times, details } = step.event;
  const known = Object.entries(details).filter(([, value]) => value !== null && String(value) !== '');
  const facts = known.map(
    ([name, value]) => `${name} ${Array.isArray(value) ? value.join(' ') : String(value)}`,
  );
  const head = `${action} ${outcome}, by ${actor}${times > 1 ? `, ${times} times` : ''}`;
  return facts.length === 0 ? head : `${head}: ${facts.join('; ')}`;
}
