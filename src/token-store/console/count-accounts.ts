/**
 * Counts the refresh-token slots of the fullest accounts, of each client and across all. Looks at as many tokens as it says, whatever the
 * tables hold. Does not own what a slot is (grants/slot-counts.ts).
 */
import type { Settings } from '../../config/settings.js';
import { INACTIVITY_SECONDS, nearlyFullFrom } from '../../domain/grant/slots.js';
import type { CountRun } from './count-run.js';

/** Of each client, so many tokens of the fullest accounts are looked at. */
const SUSPECTS = 200;
const MAX_ACCOUNTS = 8;
/** Of each client, so many tokens of accounts that may be nearly full are looked at. */
const MAX_NEARLY_FULL = 5_000;

interface FullAccount {
  readonly client: string;
  readonly accountSub: string;
  readonly email: string | null;
  readonly used: number;
}

interface AccountCounts {
  readonly fullest: readonly FullAccount[];
  readonly nearlyFull: readonly { readonly client: string; readonly accounts: number }[];
  readonly nearlyFullAcrossClients: number;
}

/** The newest token of a full account has the most slots before it: slot-counts.ts. */
const SUSPECTED = `
  SELECT account_sub AS "accountSub" FROM refresh_tokens WHERE client = $1 AND ended_at IS NULL AND slots_taken >= $2::int
  ORDER BY slots_taken DESC LIMIT $3`;

/** What is live is as in slot-rows.ts. */
const USED = `
  SELECT $1 AS client, account_sub AS "accountSub", count(*)::int AS used FROM refresh_tokens
  WHERE client = $1 AND account_sub = ANY ($4::text[]) AND ended_at IS NULL AND (account_verified OR NOT age_unknown)
    AND (expires_at IS NULL OR expires_at > $2::timestamptz) AND (current OR last_used_at > $3::timestamptz)
  GROUP BY account_sub ORDER BY used DESC, "accountSub"`;

const EMAILS = `
  SELECT account_sub AS "accountSub", max(account_email) AS email FROM grants WHERE account_sub = ANY ($1::text[])
  GROUP BY account_sub`;

/** As USED, across all clients. */
const USED_ACROSS_CLIENTS = `
  SELECT account_sub AS "accountSub", count(*)::int AS used FROM refresh_tokens
  WHERE account_sub = ANY ($1::text[]) AND ended_at IS NULL AND (account_verified OR NOT age_unknown)
    AND (expires_at IS NULL OR expires_at > $2::timestamptz) AND (current OR last_used_at > $3::timestamptz)
  GROUP BY account_sub`;

export async function countAccounts(
  run: CountRun,
  clients: readonly string[],
  { slotLimit, accountSlotLimit }: Pick<Settings, 'slotLimit' | 'accountSlotLimit'>,
): Promise<AccountCounts> {
  const now = run.startedAt;
  const unused = new Date(now.getTime() - INACTIVITY_SECONDS * 1000);
  const full: FullAccount[] = [];
  const nearlyFull: { client: string; accounts: number }[] = [];
  const limit = nearlyFullFrom(slotLimit);
  const shared = nearlyFullFrom(accountSlotLimit);
  const sharing = new Set<string>();
  for (const client of clients) {
    const suspected = async (from: number, most: number) => {
      const rows = await run.rows<{ accountSub: string }>(SUSPECTED, [client, from, most]);
      return [...new Set(rows.map(({ accountSub }) => accountSub))];
    };
    const used = async (from: number, most: number) =>
      run.rows<Omit<FullAccount, 'email'>>(USED, [client, now, unused, await suspected(from, most)]);
    full.push(...(await used(0, SUSPECTS)).map((account) => ({ ...account, email: null })));
    const accounts = (await used(limit, MAX_NEARLY_FULL)).filter((account) => account.used >= limit).length;
    nearlyFull.push({ client, accounts });
    // Its newest token at one of the clients has its share of the slots before it.
    for (const sub of await suspected(Math.ceil(shared / clients.length), MAX_NEARLY_FULL)) sharing.add(sub);
  }
  const crowded = await run.rows<{ used: number }>(USED_ACROSS_CLIENTS, [[...sharing], now, unused]);
  const order = (a: FullAccount, b: FullAccount) => b.used - a.used || (a.accountSub < b.accountSub ? -1 : 1);
  const fullest = full.sort(order).slice(0, MAX_ACCOUNTS);
  const emails = await run.rows<{ accountSub: string; email: string | null }>(EMAILS, [
    fullest.map(({ accountSub }) => accountSub),
  ]);
  const emailOf = new Map(emails.map(({ accountSub, email }) => [accountSub, email]));
  return {
    fullest: fullest.map((account) => ({ ...account, email: emailOf.get(account.accountSub) ?? null })),
    nearlyFull,
    nearlyFullAcrossClients: crowded.filter(({ used }) => used >= shared).length,
  };
}
