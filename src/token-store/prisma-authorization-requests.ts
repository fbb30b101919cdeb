import { Injectable } from '@nestjs/common';
import type { ConnectWish } from '../domain/connect-wish.js';
import {
  AuthorizationRequestStore,
  type AuthorizationRequest,
  type AuthorizationRequestKeys,
  type PendingAuthorization,
} from '../domain/ports/authorization-request-store.js';
import { IntegrityAlarm } from '../domain/ports/integrity-alarm.js';
import { SealBroken, Sealer } from '../domain/ports/sealer.js';
import type { Secret } from '../domain/secret.js';
import { Database } from './database.js';
import { toJson } from './json.js';
import { verifierAad } from './places.js';
import { isUniqueViolation } from './unique-violation.js';

/** Longer than a ticket lives: until then its row is what makes a ticket single-use. */
const KEEP_MS = 24 * 3600 * 1000;

@Injectable()
export class PrismaAuthorizationRequests extends AuthorizationRequestStore {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly alarm: IntegrityAlarm,
  ) {
    super();
  }

  override async add(request: AuthorizationRequest, keys: AuthorizationRequestKeys): Promise<boolean> {
    const { verifier, wish, consumedAt, ...columns } = request;
    const bound = { ...columns, ...keys, wish: toJson(wish) };
    const sealedVerifier = await this.sealer.seal(verifier, verifierAad(bound));
    try {
      await this.database.authorizationRequest.create({ data: { ...bound, consumedAt, sealedVerifier } });
    } catch (error) {
      if (isUniqueViolation(error)) return false;
      throw error;
    }
    await this.database.authorizationRequest.deleteMany({
      where: { expiresAt: { lt: new Date(request.createdAt.getTime() - KEEP_MS) } },
    });
    return true;
  }

  override async isTicketUsed(ticketId: string): Promise<boolean> {
    return (await this.database.authorizationRequest.count({ where: { ticketId } })) > 0;
  }

  override async find(stateHash: Uint8Array<ArrayBuffer>): Promise<PendingAuthorization | null> {
    const row = await this.database.authorizationRequest.findUnique({ where: { stateHash } });
    if (!row) return null;
    const { sealedVerifier, consumedAt, ...bound } = row;
    const verifier = await this.#open(sealedVerifier, bound);
    return (
      verifier && {
        ...bound,
        consumedAt,
        wish: bound.wish as unknown as ConnectWish,
        purpose: bound.purpose === 'identify' ? 'identify' : 'consent',
        verifier,
      }
    );
  }

  override async consume(stateHash: Uint8Array<ArrayBuffer>, now: Date): Promise<boolean> {
    const { count } = await this.database.authorizationRequest.updateMany({
      where: { stateHash, consumedAt: null, expiresAt: { gt: now } },
      data: { consumedAt: now },
    });
    return count === 1;
  }

  /** A request that was changed under way is none: the seal of its verifier is a MAC over all that decides. */
  async #open(sealed: string, bound: { readonly ticketId: string }): Promise<Secret | null> {
    try {
      return await this.sealer.open(sealed, verifierAad(bound));
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      this.alarm.raise({ kind: 'authorization_request', id: bound.ticketId, reason: error.message });
      return null;
    }
  }
}
