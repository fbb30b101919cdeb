/**
 * Every statement that the brokers of this process send, and which of them do not say whose rows they are about. Each test bed looks at
 * its end: so a statement is seen in whatever file sends it.
 */
import pg from 'pg';
import { DatabaseClient } from '../../src/token-store/client/database-client.js';
import { isCluster } from './cluster.js';
import { tablesWithoutUser } from './statement-users.js';

const sent = new Set<string>();
/** Those that were looked at, of this file or one before it. */
const checked = new Set<string>();

const { query } = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown };
// Before a broker makes its connections: each binds the method that it finds.
pg.Client.prototype.query = function recorded(this: pg.Client, ...args: unknown[]) {
  if (this instanceof DatabaseClient) {
    const [first] = args;
    const text = typeof first === 'string' ? first : (first as { text?: string } | null)?.text;
    if (text !== undefined) sent.add(text);
  }
  return query.apply(this, args);
} as never;

/** @returns each text once, since the process began, or since `forgetStatements` */
export function sentStatements(): readonly string[] {
  return [...sent];
}

/** Those that were sent so far are not told any more. */
export function forgetStatements(): void {
  checkStatements();
  sent.clear();
}

/** @throws which of the statements so far is about a table of users, not about one user, and not known to be */
export function checkStatements(): void {
  const found = [...sent].filter((text) => !checked.has(text) && !isAllowed(text));
  for (const text of sent) checked.add(text);
  if (found.length === 0) return;
  const named = found.map((text) => `${(tablesWithoutUser(text) ?? []).join(', ')}: ${text.trim()}`);
  throw new Error(
    `Which user's rows these are about is not said, so every server of a cluster is asked (test/support/sent-statements.ts):\n\n${named.join('\n\n')}`,
  );
}

function isAllowed(text: string): boolean {
  const without = tablesWithoutUser(text);
  return without === null || without.length === 0 || isOfSeveralUsers(text);
}

/** What is known to be about more than one user, or about one who is not known yet, by why. */
const OF_SEVERAL_USERS: Readonly<Record<string, readonly RegExp[]>> = {
  'It names the users whose servers are asked: events that are due, a page of the search, a token that a consent left without a user.':
    [
      /\buser_id (IN \([$\d,NUL]+\)|= ANY\(\$\d+\))/,
      // Rows that Prisma looks up together.
      / FROM (\w+) WHERE \((\(\1\.user_id = \$\d+ AND [^()]*\)( OR )?)+\)/,
    ],
  'Google counts tokens, revokes them and reports them by account.': [
    /^(?!.* FOR UPDATE$).*\baccount_sub (=|IN) /,
    /^SELECT account_sub AS accountSub FROM refresh_tokens WHERE client = /,
    /^SELECT (DISTINCT )?account_sub AS accountSub FROM grants WHERE lower\(account_email/,
    /\brefresh_tokens\.(prefix_hash|sha512_hash) = /,
    /^SELECT DISTINCT details->>'event' AS event FROM audit_trail WHERE action = 'security.event' /,
    /^SELECT count\(\*\)::int AS count FROM audit_trail WHERE action = 'grant.disconnect' AND details->>'revocation' = /,
  ],
  'A grant, a revocation, an event of a webhook or the token of an import is named by its id alone, which tells no user.':
    [
      /^SELECT [^()]* FROM grants WHERE \(?grants\.(id|revocation_id) (=|IN) /,
      /^SELECT [^()]* FROM outbox_events WHERE \(?outbox_events\.id = /,
      /^SELECT [^()]* FROM refresh_tokens WHERE \(?refresh_tokens\.fingerprint = /,
      // None of them.
      / WHERE \(?1=0 /,
    ],
  'Pages of lists.': [
    /^SELECT \* FROM \( SELECT scanned\.\*/,
    /^SELECT (DISTINCT )?user_id COLLATE C AS user_id FROM /,
    /^SELECT user_id AS userId, counted\.\*/,
    /^SELECT count\(\*\)::int AS rows FROM \(SELECT 1 FROM unnest\([^)]*\) AS covered/,
    / FROM audit_trail WHERE (grant_id = |COALESCE\(recorded_at, at\) < )/,
    /^SELECT [^()]* FROM grants WHERE \(?grants\.kind = /,
    /^SELECT DISTINCT client FROM grants /,
    /^WITH RECURSIVE found AS \( \(SELECT client FROM grants /,
  ],
  'Figures of the console and of /metrics.': [
    /^SELECT [^()]*count\(\*\)::int AS count FROM grants (WHERE client = |GROUP BY client)/,
    /^SELECT json_build_array\([^()]*\) AS position FROM grants WHERE client = /,
    /^SELECT snapshot\.content AS grants,/,
  ],
  'Jobs: delivery of events, slots that could not be counted, retention, the use of keys and sealing again.':
    [
      /^SELECT [^()]* FROM refresh_tokens WHERE client = \$1 AND slots_taken = \$2 AND ended_at IS NULL AND last_used_at < /,
      /^\(?SELECT [^()]* FROM outbox_events WHERE (webhook_id|delivered_at|abandoned_at) /,
      /^WITH page AS MATERIALIZED \( SELECT user_id, id, created_at/,
    ],
  'Migrations, and tests that read all rows.': [
    /^\/\* token-broker migrate /,
    /^CREATE OR REPLACE FUNCTION distributed_/,
    / FROM (grants|access_tokens) WHERE 1=1 /,
    /^SELECT [^()]* FROM refresh_tokens WHERE refresh_tokens\.current = /,
  ],
};

/** Where there is one server, one transaction changes the grants of all users that it concerns: src/token-store/client/change-by-user.ts. */
const ON_ONE_SERVER = [
  /\b(grants\.id|grant_id) IN \([$\d,]+\)/,
  / WHERE TRUE AND /,
  /^SELECT [^()]* FROM grants WHERE \(grants\.id = \$1 AND grants\.consented_at = \$2\)/,
];

/** In one line, with short names. */
export function plainStatement(text: string): string {
  return text.replaceAll('"public".', '').replaceAll('"', '').replaceAll(/\s+/g, ' ').trim();
}

/** Whether a statement is one of those. */
function isOfSeveralUsers(text: string): boolean {
  const plain = plainStatement(text);
  const known = [...Object.values(OF_SEVERAL_USERS).flat(), ...(isCluster ? [] : ON_ONE_SERVER)];
  return known.some((shape) => shape.test(plain));
}
