import { Injectable } from '@nestjs/common';
import type { ConnectRequest } from '../../domain/connect/connect-request.js';
import type { ConsentUrlRequest } from '../../domain/google/oauth.js';
import { IntegrityReporter } from '../../domain/ports/reporters.js';
import type { Secret } from '../../domain/secret.js';
import { SealBroken, Sealer } from '../../sealing/sealer.js';
import { Database, toJson } from '../client/database.js';
import { inBatches, MAX_BATCH_ROWS } from '../client/bounded-statements.js';
import { verifierAad } from '../sealed/aad.js';

/** A pending visit to Google's consent page. */
export interface AuthorizationRequest {
  /** `<ticket>.<random>`: a ticket can have several, such as after Back from Google's page. */
  readonly ticketId: string;
  readonly connectRequest: ConnectRequest;
  /** `identify` only signs in, to learn which account it is before a slot is spent. */
  readonly purpose: ConsentUrlRequest['purpose'];
  /** Whether prompt=consent was sent, so that Google must answer with a refresh token. */
  readonly forcedConsent: boolean;
  /** Whether include_granted_scopes was sent. */
  readonly includedGranted: boolean;
  readonly verifier: Secret;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly consumedAt: Date | null;
}

/** Digests of the secrets that the browser and Google hold; the secrets themselves are not stored. */
export interface AuthorizationRequestKeys {
  readonly stateHash: Uint8Array<ArrayBuffer>;
  readonly nonceHash: Uint8Array<ArrayBuffer>;
  readonly browserHash: Uint8Array<ArrayBuffer>;
}

export type PendingAuthorization = AuthorizationRequest & AuthorizationRequestKeys;

const KEEP_MS = 24 * 3600 * 1000;

/** The ticket of an authorization request, which has its id, a dot and a UUID: several may belong to one ticket. */
export function ticketIdOf({ ticketId }: Pick<AuthorizationRequest, 'ticketId'>): string {
  // The id has a dot of its own after the name of its cell.
  return ticketId.replace(/\.[^.]*$/, '');
}

/** Authorization requests. One conditional UPDATE makes a state single-use across replicas. */
@Injectable()
export class AuthorizationRequestsRepository {
  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
    private readonly reporter: IntegrityReporter,
  ) {}

  async add(request: AuthorizationRequest, keys: AuthorizationRequestKeys): Promise<void> {
    const { verifier, connectRequest, consumedAt, ...columns } = request;
    const bound = { ...columns, ...keys, connectRequest: toJson(connectRequest) };
    const sealedVerifier = await this.sealer.seal(verifier, verifierAad(bound));
    await this.database.authorizationRequest.create({ data: { ...bound, consumedAt, sealedVerifier } });
  }

  async prune(now: Date, shutdown?: AbortSignal): Promise<void> {
    const before = new Date(now.getTime() - KEEP_MS);
    const old = { where: { expiresAt: { lt: before } }, limit: MAX_BATCH_ROWS };
    await inBatches(async () => (await this.database.authorizationRequest.deleteMany(old)).count, shutdown);
  }

  async find(stateHash: Uint8Array<ArrayBuffer>): Promise<PendingAuthorization | null> {
    const row = await this.database.authorizationRequest.findUnique({ where: { stateHash } });
    if (!row) return null;
    const { sealedVerifier, consumedAt, ...bound } = row;
    const verifier = await this.#open(sealedVerifier, bound);
    return (
      verifier && {
        ...bound,
        consumedAt,
        connectRequest: bound.connectRequest as unknown as ConnectRequest,
        purpose: bound.purpose === 'identify' ? 'identify' : 'consent',
        verifier,
      }
    );
  }

  /** Uses a state up. @returns false when another callback used it first */
  async consume(stateHash: Uint8Array<ArrayBuffer>, now: Date): Promise<boolean> {
    const { count } = await this.database.authorizationRequest.updateMany({
      where: { stateHash, consumedAt: null, expiresAt: { gt: now } },
      data: { consumedAt: now },
    });
    return count === 1;
  }

  /** Rejects a request that was changed in the database: the seal of its verifier authenticates all columns that matter. */
  async #open(sealed: string, bound: { readonly ticketId: string }): Promise<Secret | null> {
    try {
      return await this.sealer.open(sealed, verifierAad(bound));
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      this.reporter.report({ kind: 'authorization_request', id: bound.ticketId, reason: error.message });
      return null;
    }
  }
}
