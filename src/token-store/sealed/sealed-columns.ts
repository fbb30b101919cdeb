import type { Database } from '../client/database.js';
import {
  connectTicketAad,
  pendingConsentAad,
  pendingExchangeAad,
  revocationTokenAad,
  verifierAad,
  webhookAad,
} from './aad.js';
import { accessTokens, credentials } from './columns-of-users.js';
import { BATCH, type SealedColumn, type SealedValue } from './sealed-column.js';

/** Every column that holds ciphertext. */
export function sealedColumns(database: Database): SealedColumn[] {
  return [
    credentials(database, 'sealedRefreshToken'),
    credentials(database, 'sealedKey'),
    accessTokens(database),
    small('revocations.sealed_token', () => revocations(database)),
    small('connect_tickets.sealed_request', () => connectTickets(database)),
    small('authorization_requests.sealed_verifier', () => verifiers(database)),
    small('pending_consents.sealed_consent', () => pendingConsents(database)),
    small('pending_exchanges.sealed_exchange', () => pendingExchanges(database)),
    small('webhooks.sealed_secrets', () => webhooks(database)),
  ];
}

/** Of few rows, or of rows that live for a day: each is read. */
function small(name: string, read: () => AsyncIterable<SealedValue[]>): SealedColumn {
  return {
    name,
    batches: async function* () {
      for await (const others of read()) yield { newest: 0, others };
    },
    headers: async function* () {
      for await (const batch of read()) yield { newest: 0, others: batch.map(({ sealed }) => sealed) };
    },
  };
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
