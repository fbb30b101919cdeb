import { Injectable } from '@nestjs/common';
import type { ConnectWish } from '../domain/connect-wish.js';
import {
  AuthorizationRequestStore,
  type AuthorizationRequest,
  type AuthorizationRequestKeys,
  type PendingAuthorization,
} from '../domain/ports/authorization-request-store.js';
import { Sealer } from '../domain/ports/sealer.js';
import { Database } from './database.js';
import { toJson } from './json.js';
import { verifierPlace } from './places.js';
import { isUniqueViolation } from './unique-violation.js';

/** Longer than a ticket lives: until then its row is what makes a ticket single-use. */
const KEEP_MS = 24 * 3600 * 1000;

@Injectable()
export class PrismaAuthorizationRequests extends AuthorizationRequestStore {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
  ) {
    super();
  }

  override async add(request: AuthorizationRequest, keys: AuthorizationRequestKeys): Promise<boolean> {
    const { verifier, wish, ...columns } = request;
    const sealedVerifier = await this.sealer.seal(verifier, verifierPlace(keys.stateHash));
    try {
      await this.database.authorizationRequest.create({
        data: { ...columns, ...keys, wish: toJson(wish), sealedVerifier },
      });
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
    const { sealedVerifier, wish, purpose, ...columns } = row;
    return {
      ...columns,
      wish: wish as unknown as ConnectWish,
      purpose: purpose === 'identify' ? 'identify' : 'consent',
      verifier: await this.sealer.open(sealedVerifier, verifierPlace(stateHash)),
    };
  }

  override async consume(stateHash: Uint8Array<ArrayBuffer>, now: Date): Promise<boolean> {
    const { count } = await this.database.authorizationRequest.updateMany({
      where: { stateHash, consumedAt: null, expiresAt: { gt: now } },
      data: { consumedAt: now },
    });
    return count === 1;
  }
}
