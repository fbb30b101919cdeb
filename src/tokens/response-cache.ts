import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { CachedGrant, CachedToken, UserGrants } from '../access-tokens/grant-cache.js';
import { Settings } from '../config/settings.js';
import type { Service } from '../domain/access/policy.js';
import { isFresh } from '../domain/grant/token-freshness.js';
import { Clock } from '../domain/ports/clock.js';
import type { AuditFacts } from '../http/audit.decorator.js';
import { setCaller } from '../http/caller.decorator.js';
import { credentialDigest, isServiceKey } from '../http/request-context.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { type CachedResponse, toTokenResponse } from './token.response.js';

/** Longer URLs are not cached, so that the number of entries limits their size. */
const MAX_URL = 600;
/** Only responses of this route are cached. */
const PATH = '/tokens/';

/** A response, and everything that it was derived from. */
export interface IssuedResponse {
  readonly service: Service;
  readonly user: UserGrants;
  readonly token: CachedToken;
  readonly minTtlSeconds: number;
  readonly response: CachedResponse;
  readonly facts: AuditFacts;
}

interface Entry extends IssuedResponse {
  readonly grants: readonly CachedGrant[];
  /** When the service or the grants were read from the database, whichever was first; by performance.now(). */
  readonly readAt: number;
}

/**
 * Responses of GET /tokens/:userId, by service key and exact URL. A change of any service evicts all; an entry stops
 * matching with a change of the user's grants, a new token, its token's age, or the age of what it was derived from.
 */
@Injectable()
export class ResponseCache {
  readonly #entries: LRUCache<string, Entry> | null;
  /** Incremented with each eviction of all: responses derived from older state are not stored. */
  #epoch = 0;

  constructor(
    settings: Settings,
    private readonly clock: Clock,
    private readonly changes: ChangeFeed,
    private readonly audit: AuditLog,
  ) {
    this.#entries = settings.cacheUsers === 0 ? null : new LRUCache({ max: settings.cacheUsers });
    changes.subscribe(({ kind }) => {
      if (kind === 'grant') return;
      this.#epoch++;
      this.#entries?.clear();
    });
  }

  /** @returns false on a cache miss: the request goes on to Nest */
  serve(request: FastifyRequest, reply: FastifyReply): boolean {
    if (!request.url.startsWith(PATH) || request.method !== 'GET') return false;
    request.cacheEpoch = this.#epoch;
    const key = keyOf(request);
    const entry = key === null ? undefined : this.#entries?.get(key);
    if (!entry || !this.changes.isValidSince(entry.readAt) || !this.audit.hasCapacity(entry.service.id))
      return false;
    const { user, grants, token, response, service } = entry;
    const now = this.clock.now();
    if (!user.isCurrent || user.grants !== grants) return false;
    if (token.renewFrom <= now || !isFresh(token, now, entry.minTtlSeconds)) return false;
    setCaller(request, service, entry.readAt);
    request.isCached = true;
    this.audit.record({
      at: now,
      action: 'token.issue',
      actor: service.name,
      serviceId: service.id,
      requestId: request.id,
      ...entry.facts,
      outcome: 'ok',
    });
    void reply.header('cache-control', 'no-store').send(toTokenResponse(response, token, now));
    return true;
  }

  store(request: FastifyRequest, issued: IssuedResponse): void {
    const key = keyOf(request);
    if (key === null || request.cacheEpoch !== this.#epoch || !issued.user.isCurrent) return;
    const { grants, readAt } = issued.user;
    this.#entries?.set(key, { ...issued, grants, readAt: Math.min(readAt, request.callerReadAt) });
  }
}

/** Service keys only: a JWT expires by itself, and is verified each time. */
function keyOf(request: FastifyRequest): string | null {
  if (!isServiceKey(request) || request.url.length > MAX_URL) return null;
  return `${credentialDigest(request) ?? ''} ${request.url}`;
}
