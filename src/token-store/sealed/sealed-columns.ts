import type { Database } from '../client/database.js';
import { fromRow, sealedFrom } from '../grants/grant-row.js';
import type { Grant as GrantRow } from '../prisma-client/client.js';
import {
  accessTokenAad,
  connectTicketAad,
  credentialAad,
  pendingConsentAad,
  pendingExchangeAad,
  revocationTokenAad,
  verifierAad,
  webhookAad,
} from './aad.js';

/** Enough to keep the connections busy, few enough to hold in memory. */
const BATCH = 100;

/** A sealed value in its row. */
export interface SealedValue {
  readonly sealed: string;
  readonly aad: string;
  /** Compare-and-set. @returns false when the value changed or went since it was read; then nothing is written */
  replace(sealed: string): Promise<boolean>;
}

export interface SealedColumn {
  readonly name: string;
  /** All values in the order of a key, so that concurrent inserts and deletes skip no other row. */
  batches(): AsyncIterable<SealedValue[]>;
}

/** Every column that holds ciphertext. */
export function sealedColumns(database: Database): SealedColumn[] {
  return [
    { name: 'grants.sealed_refresh_token', batches: () => credentials(database, 'sealedRefreshToken') },
    { name: 'grants.sealed_key', batches: () => credentials(database, 'sealedKey') },
    { name: 'access_tokens.sealed_token', batches: () => accessTokens(database) },
    { name: 'revocations.sealed_token', batches: () => revocations(database) },
    { name: 'connect_tickets.sealed_request', batches: () => connectTickets(database) },
    { name: 'authorization_requests.sealed_verifier', batches: () => verifiers(database) },
    { name: 'pending_consents.sealed_consent', batches: () => pendingConsents(database) },
    { name: 'pending_exchanges.sealed_exchange', batches: () => pendingExchanges(database) },
    { name: 'webhooks.sealed_secrets', batches: () => webhooks(database) },
  ];
}

async function* credentials(
  { grant }: Database,
  column: 'sealedRefreshToken' | 'sealedKey',
): AsyncGenerator<SealedValue[]> {
  const read = (after?: string): Promise<GrantRow[]> =>
    grant.findMany({
      where: { [column]: { not: null }, ...(after === undefined ? {} : { id: { gt: after } }) },
      orderBy: { id: 'asc' },
      take: BATCH,
    });
  for (let rows = await read(); rows.length > 0; rows = await read(rows.at(-1)?.id)) {
    yield rows.map((row) => ({
      sealed: row[column] ?? '',
      aad: credentialAad(sealedFrom(row), row.credentialVersion ?? 0),
      // The associated data and the version do not change: a refresh under way is not affected.
      replace: async (sealed) =>
        (
          await grant.updateMany({
            where: {
              userId: row.userId,
              id: row.id,
              [column]: row[column],
              credentialVersion: row.credentialVersion,
            },
            data: { [column]: sealed },
          })
        ).count > 0,
    }));
  }
}

async function* accessTokens({ accessToken }: Database): AsyncGenerator<SealedValue[]> {
  const read = (after?: { userId: string; grantId: string; scopeSet: string }) =>
    accessToken.findMany({
      where: after
        ? {
            userId: { gte: after.userId },
            OR: [
              { userId: { gt: after.userId } },
              { grantId: { gt: after.grantId } },
              { grantId: after.grantId, scopeSet: { gt: after.scopeSet } },
            ],
          }
        : {},
      include: { grant: true },
      orderBy: [{ userId: 'asc' }, { grantId: 'asc' }, { scopeSet: 'asc' }],
      take: BATCH,
    });
  for (let rows = await read(); rows.length > 0; rows = await read(rows.at(-1))) {
    yield rows.map(({ userId, grantId, scopeSet, sealedToken, grant, ...times }) => ({
      sealed: sealedToken,
      aad: accessTokenAad(fromRow(grant), grant.credentialVersion ?? 0, scopeSet, times),
      replace: async (sealed) =>
        (
          await accessToken.updateMany({
            where: { userId, grantId, scopeSet, sealedToken },
            data: { sealedToken: sealed },
          })
        ).count > 0,
    }));
  }
}

async function* connectTickets({ connectTicket }: Database): AsyncGenerator<SealedValue[]> {
  const read = (after?: string) =>
    connectTicket.findMany({
      where: after === undefined ? {} : { id: { gt: after } },
      orderBy: { id: 'asc' },
      take: BATCH,
    });
  for (let rows = await read(); rows.length > 0; rows = await read(rows.at(-1)?.id)) {
    yield rows.map(({ sealedRequest, ...bound }) => ({
      sealed: sealedRequest,
      aad: connectTicketAad(bound),
      replace: async (sealed) =>
        (
          await connectTicket.updateMany({
            where: { id: bound.id, sealedRequest },
            data: { sealedRequest: sealed },
          })
        ).count > 0,
    }));
  }
}

async function* verifiers({ authorizationRequest }: Database): AsyncGenerator<SealedValue[]> {
  // Ordered by the ticket, which is unique as well: Prisma does not compare bytes.
  const read = (after?: string) =>
    authorizationRequest.findMany({
      where: after === undefined ? {} : { ticketId: { gt: after } },
      orderBy: { ticketId: 'asc' },
      take: BATCH,
    });
  for (let rows = await read(); rows.length > 0; rows = await read(rows.at(-1)?.ticketId)) {
    yield rows.map(({ sealedVerifier, consumedAt: _, ...bound }) => ({
      sealed: sealedVerifier,
      aad: verifierAad(bound),
      replace: async (sealed) =>
        (
          await authorizationRequest.updateMany({
            where: { stateHash: bound.stateHash, sealedVerifier },
            data: { sealedVerifier: sealed },
          })
        ).count > 0,
    }));
  }
}

async function* revocations({ revocation }: Database): AsyncGenerator<SealedValue[]> {
  const read = (after?: string) =>
    revocation.findMany({
      where: { sealedToken: { not: null }, ...(after === undefined ? {} : { id: { gt: after } }) },
      orderBy: { id: 'asc' },
      take: BATCH,
    });
  for (let rows = await read(); rows.length > 0; rows = await read(rows.at(-1)?.id)) {
    yield rows.map(({ sealedToken, ...bound }) => ({
      sealed: sealedToken ?? '',
      aad: revocationTokenAad(bound),
      replace: async (sealed) =>
        (await revocation.updateMany({ where: { id: bound.id, sealedToken }, data: { sealedToken: sealed } }))
          .count > 0,
    }));
  }
}

/** They exist for ten minutes, so all of them fit into one batch. */
async function* pendingConsents({ pendingConsent }: Database): AsyncGenerator<SealedValue[]> {
  const rows = await pendingConsent.findMany();
  yield rows.map(({ sealedConsent, ...bound }) => ({
    sealed: sealedConsent,
    aad: pendingConsentAad(bound),
    replace: async (sealed) =>
      (
        await pendingConsent.updateMany({
          where: { codeHash: bound.codeHash, sealedConsent },
          data: { sealedConsent: sealed },
        })
      ).count > 0,
  }));
}

/** They exist for a day at most, while Google's keys cannot be fetched. */
async function* pendingExchanges({ pendingExchange }: Database): AsyncGenerator<SealedValue[]> {
  const read = (after?: string) =>
    pendingExchange.findMany({
      where: after === undefined ? {} : { id: { gt: after } },
      orderBy: { id: 'asc' },
      take: BATCH,
    });
  for (let rows = await read(); rows.length > 0; rows = await read(rows.at(-1)?.id)) {
    yield rows.map(({ sealedExchange, ...bound }) => ({
      sealed: sealedExchange,
      aad: pendingExchangeAad(bound),
      replace: async (sealed) =>
        (
          await pendingExchange.updateMany({
            where: { id: bound.id, sealedExchange },
            data: { sealedExchange: sealed },
          })
        ).count > 0,
    }));
  }
}

/** There are few. */
async function* webhooks({ webhook }: Database): AsyncGenerator<SealedValue[]> {
  const rows = await webhook.findMany({ orderBy: { id: 'asc' } });
  yield rows.map(({ sealedSecrets, failingSince: _, ...bound }) => ({
    sealed: sealedSecrets,
    aad: webhookAad(bound),
    replace: async (sealed) =>
      (
        await webhook.updateMany({
          where: { id: bound.id, sealedSecrets },
          data: { sealedSecrets: sealed },
        })
      ).count > 0,
  }));
}
