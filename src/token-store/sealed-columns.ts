import type { Database } from './database.js';
import {
  accessTokenPlace,
  pendingConsentPlace,
  pendingExchangePlace,
  refreshTokenPlace,
  revocationTokenPlace,
  serviceAccountKeyPlace,
  verifierPlace,
} from './places.js';

/** Enough to keep the connections busy, few enough to hold in memory. */
const BATCH = 100;

/** A sealed value where it stands. */
export interface SealedValue {
  readonly sealed: string;
  readonly place: string;
  /** Compare-and-set. @returns false when the value changed or went since it was read; then nothing is written */
  replace(sealed: string): Promise<boolean>;
}

export interface SealedColumn {
  readonly name: string;
  /** All values in the order of a key, so that rows that come or go in between make us skip no other. */
  batches(): AsyncIterable<SealedValue[]>;
}

/** Every column that holds ciphertext. */
export function sealedColumns(database: Database): SealedColumn[] {
  return [
    { name: 'grants.sealed_refresh_token', batches: () => refreshTokens(database) },
    { name: 'grants.sealed_key', batches: () => serviceAccountKeys(database) },
    { name: 'access_tokens.sealed_token', batches: () => accessTokens(database) },
    { name: 'revocations.sealed_token', batches: () => revocations(database) },
    { name: 'authorization_requests.sealed_verifier', batches: () => verifiers(database) },
    { name: 'pending_consents.sealed_consent', batches: () => pendingConsents(database) },
    { name: 'pending_exchanges.sealed_exchange', batches: () => pendingExchanges(database) },
  ];
}

async function* refreshTokens({ grant }: Database): AsyncGenerator<SealedValue[]> {
  const read = (after?: string) =>
    grant.findMany({
      where: { sealedRefreshToken: { not: null }, ...(after === undefined ? {} : { id: { gt: after } }) },
      select: { id: true, sealedRefreshToken: true },
      orderBy: { id: 'asc' },
      take: BATCH,
    });
  for (let rows = await read(); rows.length > 0; rows = await read(rows.at(-1)?.id)) {
    yield rows.map(({ id, sealedRefreshToken }) => ({
      sealed: sealedRefreshToken ?? '',
      place: refreshTokenPlace(id),
      // The grant's version stays: nothing that a refresh under way relies on has changed.
      replace: async (sealed) =>
        (await grant.updateMany({ where: { id, sealedRefreshToken }, data: { sealedRefreshToken: sealed } }))
          .count > 0,
    }));
  }
}

async function* serviceAccountKeys({ grant }: Database): AsyncGenerator<SealedValue[]> {
  const read = (after?: string) =>
    grant.findMany({
      where: { sealedKey: { not: null }, ...(after === undefined ? {} : { id: { gt: after } }) },
      select: { id: true, sealedKey: true },
      orderBy: { id: 'asc' },
      take: BATCH,
    });
  for (let rows = await read(); rows.length > 0; rows = await read(rows.at(-1)?.id)) {
    yield rows.map(({ id, sealedKey }) => ({
      sealed: sealedKey ?? '',
      place: serviceAccountKeyPlace(id),
      replace: async (sealed) =>
        (await grant.updateMany({ where: { id, sealedKey }, data: { sealedKey: sealed } })).count > 0,
    }));
  }
}

async function* accessTokens({ accessToken }: Database): AsyncGenerator<SealedValue[]> {
  const read = (after?: { grantId: string; scopeSet: string }) =>
    accessToken.findMany({
      where: after
        ? {
            grantId: { gte: after.grantId },
            OR: [{ grantId: { gt: after.grantId } }, { scopeSet: { gt: after.scopeSet } }],
          }
        : {},
      select: { grantId: true, scopeSet: true, sealedToken: true },
      orderBy: [{ grantId: 'asc' }, { scopeSet: 'asc' }],
      take: BATCH,
    });
  for (let rows = await read(); rows.length > 0; rows = await read(rows.at(-1))) {
    yield rows.map(({ sealedToken, ...row }) => ({
      sealed: sealedToken,
      place: accessTokenPlace(row.grantId, row.scopeSet),
      replace: async (sealed) =>
        (await accessToken.updateMany({ where: { ...row, sealedToken }, data: { sealedToken: sealed } }))
          .count > 0,
    }));
  }
}

async function* verifiers({ authorizationRequest }: Database): AsyncGenerator<SealedValue[]> {
  // Ordered by the ticket, which is unique as well: Prisma does not compare bytes.
  const read = (after?: string) =>
    authorizationRequest.findMany({
      where: after === undefined ? {} : { ticketId: { gt: after } },
      select: { stateHash: true, ticketId: true, sealedVerifier: true },
      orderBy: { ticketId: 'asc' },
      take: BATCH,
    });
  for (let rows = await read(); rows.length > 0; rows = await read(rows.at(-1)?.ticketId)) {
    yield rows.map(({ stateHash, sealedVerifier }) => ({
      sealed: sealedVerifier,
      place: verifierPlace(stateHash),
      replace: async (sealed) =>
        (
          await authorizationRequest.updateMany({
            where: { stateHash, sealedVerifier },
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
      select: { id: true, sealedToken: true },
      orderBy: { id: 'asc' },
      take: BATCH,
    });
  for (let rows = await read(); rows.length > 0; rows = await read(rows.at(-1)?.id)) {
    yield rows.map(({ id, sealedToken }) => ({
      sealed: sealedToken ?? '',
      place: revocationTokenPlace(id),
      replace: async (sealed) =>
        (await revocation.updateMany({ where: { id, sealedToken }, data: { sealedToken: sealed } })).count >
        0,
    }));
  }
}

/** They live ten minutes, so all of them fit into one batch. */
async function* pendingConsents({ pendingConsent }: Database): AsyncGenerator<SealedValue[]> {
  const rows = await pendingConsent.findMany({ select: { codeHash: true, sealedConsent: true } });
  yield rows.map(({ codeHash, sealedConsent }) => ({
    sealed: sealedConsent,
    place: pendingConsentPlace(codeHash),
    replace: async (sealed) =>
      (
        await pendingConsent.updateMany({
          where: { codeHash, sealedConsent },
          data: { sealedConsent: sealed },
        })
      ).count > 0,
  }));
}

/** They live a day at most, while Google's keys cannot be had. */
async function* pendingExchanges({ pendingExchange }: Database): AsyncGenerator<SealedValue[]> {
  const read = (after?: string) =>
    pendingExchange.findMany({
      where: after === undefined ? {} : { id: { gt: after } },
      select: { id: true, sealedExchange: true },
      orderBy: { id: 'asc' },
      take: BATCH,
    });
  for (let rows = await read(); rows.length > 0; rows = await read(rows.at(-1)?.id)) {
    yield rows.map(({ id, sealedExchange }) => ({
      sealed: sealedExchange,
      place: pendingExchangePlace(id),
      replace: async (sealed) =>
        (
          await pendingExchange.updateMany({
            where: { id, sealedExchange },
            data: { sealedExchange: sealed },
          })
        ).count > 0,
    }));
  }
}
