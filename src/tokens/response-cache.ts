import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { cacheBound, SharedValues } from '../domain/cache-memory.js';
import type { UserGrants } from '../access-tokens/grant-cache.js';
import type { DecidedBy, RepeatableRefusal } from '../access-tokens/token-errors.js';
import { Settings } from '../config/settings.js';
import type { Service } from '../domain/access/policy.js';
import type { CachedToken } from '../domain/grant/packed-grant.js';
import { freshUntil } from '../domain/grant/token-freshness.js';
import { cacheLookups, meterCache } from '../domain/metrics/cache-meter.js';
import { Meter } from '../domain/metrics/meter.js';
import { Clock } from '../domain/ports/clock.js';
import { flatText } from '../domain/text.js';
import { type AuditFacts, auditedMembersOf } from '../http/audit.decorator.js';
import type { AuthenticatedCaller } from '../http/caller.decorator.js';
import { toOAuthError } from '../http/problem/oauth-error.js';
import { problemOf } from '../http/problem/problem.js';
import { credentialDigest } from '../http/request-context.js';
import { isTokenEndpoint, TOKEN_ENDPOINT } from '../http/token-endpoint.js';
import { ChangeFeed, OF_CALLERS } from '../token-store/change-feed/change-feed.js';
import { type SerializedRest, SerializedToken } from './token.response.js';

/** Longer URLs are not cached, so that the number of entries limits their size. */
const MAX_URL = 600;
/** Apart from tokens: callers can invent any number of users, and they must not evict users who have grants. */
const MAX_REFUSALS = 5000;
/** A refusal has a link that works for 30 minutes: it still does for most of that time. */
const MAX_REFUSAL_MS = 60_000;
/** Stands where the id of each request goes. Random, so that no part of a refusal contains it. */
const REQUEST_ID = randomUUID();

export interface IssuedResponse {
  readonly user: UserGrants;
  readonly token: CachedToken;
  readonly minTtlSeconds: number;
  /** What follows `expires_in`: token.response.ts. */
  readonly rest: SerializedRest;
}

export interface AuthenticatedCall {
  readonly url: string;
  /** Of the Authorization header, or of the whole form at the token endpoint: request-context.ts */
  readonly digest: string;
  readonly caller: AuthenticatedCaller;
}

/** A call that the guard has authenticated. */
export function callOf(request: FastifyRequest, service: Service): AuthenticatedCall {
  const { callerProof: proof, callerReadAt: readAt } = request;
  // The form says everything, however the path is written: warm-path.ts asks for it by this one.
  const url = isTokenEndpoint(request) ? TOKEN_ENDPOINT : request.url;
  const digest = request.formDigest ?? credentialDigest(request) ?? '';
  return { url, digest, caller: { service, proof: proof ?? { isValid: () => false }, readAt } };
}

/** A response, and everything that it was derived from. audit-log.repository.ts finds events that are alike by this object. */
interface CommonEntry {
  readonly caller: AuthenticatedCaller;
  /** Null: the service's policy alone. */
  readonly user: UserGrants | null;
  /** Of the user's grants. */
  readonly revision: number;
  /** Milliseconds since 1970. */
  readonly validUntil: number;
  /** Of its audit event. */
  readonly facts: AuditFacts;
}

export interface CachedTokenResponse extends CommonEntry {
  readonly kind: 'token';
  readonly body: SerializedToken;
}

export interface CachedRefusal extends CommonEntry {
  readonly kind: 'refusal';
  readonly status: number;
  readonly code: string;
  /** The body, before and after the id of the request. */
  readonly beforeId: string;
  readonly afterId: string;
}

export type CachedResult = CachedTokenResponse | CachedRefusal;

/**
 * Responses of GET /tokens/:userId, by credential and URL, and of POST /oauth2/token, by body, all compared exactly: tokens, and
 * refusals that follow from the grants alone. A change of any service or setting evicts all; an entry is no longer valid after a change of the user's grants, a new token, at
 * its token's age, when its credential expires, or at the age of what it was derived from. Sending is warm-path.ts's part.
 */
@Injectable()
export class ResponseCache {
  readonly #tokens: LRUCache<string, CachedTokenResponse> | null;
  readonly #refusals: LRUCache<string, CachedRefusal> | null;
  readonly #lookups: ReturnType<typeof cacheLookups>;
  readonly #shared = new SharedValues();
  /** By performance.now(): what was derived from a service that was read earlier is not stored. */
  #clearedAt = 0;

  constructor(
    settings: Settings,
    private readonly clock: Clock,
    private readonly changes: ChangeFeed,
    meter: Meter,
  ) {
    const max = settings.cacheUsers;
    const maxRefusals = Math.min(max, MAX_REFUSALS);
    const ofTokens = meterCache(meter, 'responses', max, () => this.#tokens?.size ?? 0);
    const ofRefusals = meterCache(meter, 'refusals', maxRefusals, () => this.#refusals?.size ?? 0);
    this.#lookups = cacheLookups(meter, 'responses');
    this.#tokens =
      max === 0 ? null : new LRUCache<string, CachedTokenResponse>({ ...cacheBound(max), dispose: ofTokens });
    this.#refusals =
      max === 0
        ? null
        : new LRUCache<string, CachedRefusal>({ ...cacheBound(maxRefusals), dispose: ofRefusals });
    // Whether a delegated credential has changed, an entry asks its proof.
    changes.subscribeTo(OF_CALLERS, () => {
      this.#clearedAt = performance.now();
      this.#tokens?.clear();
      this.#refusals?.clear();
    });
  }

  /** @param digest of the Authorization header, or of the form: request-context.ts */
  find(digest: string, url: string, now: Date): CachedResult | null {
    const key = keyOf(digest, url);
    const entry = this.#tokens?.get(key) ?? this.#refusals?.get(key);
    const found = entry && this.#isValid(entry, now) ? entry : null;
    (found ? this.#lookups.hits : this.#lookups.misses).add();
    return found;
  }

  store(call: AuthenticatedCall, issued: IssuedResponse, facts: AuditFacts | null): void {
    const { user, token, minTtlSeconds, rest } = issued;
    // From its background refresh on, each call sees whether there is a newer token.
    const validUntil = Math.min(token.refreshFrom.getTime() - 1, freshUntil(token, minTtlSeconds));
    const common = this.#commonOf(call, { user, revision: user.revision }, validUntil, facts, {});
    if (!common) return;
    const body = new SerializedToken(token, rest, this.#shared);
    this.#tokens?.set(storedKeyOf(call), { kind: 'token', ...common, body });
  }

  storeRefusal(call: AuthenticatedCall, refusal: RepeatableRefusal, facts: AuditFacts | null): void {
    const problem = problemOf(refusal, REQUEST_ID);
    const validUntil = this.clock.now().getTime() + MAX_REFUSAL_MS;
    const common = this.#commonOf(call, refusal.decidedBy, validUntil, facts, auditedMembersOf(problem));
    if (!common) return;
    const { status, body } =
      call.url === TOKEN_ENDPOINT ? toOAuthError(problem) : { status: problem.status, body: problem };
    const [beforeId = '', afterId = ''] = JSON.stringify(body).split(REQUEST_ID);
    const { code } = problem;
    const key = storedKeyOf(call);
    this.#refusals?.set(key, { kind: 'refusal', ...common, status, code, beforeId, afterId });
    this.#tokens?.delete(key);
  }

  #isValid({ caller, user, revision, validUntil }: CachedResult, now: Date): boolean {
    if (!this.changes.undistributed.isValidSince(caller.readAt) || !caller.proof.isValid(now)) return false;
    if (user && !(this.changes.isValidSince(user.readAt) && isCurrent({ user, revision }))) return false;
    return now.getTime() <= validUntil;
  }

  /** @returns null where the response must not be cached */
  #commonOf(
    { url, caller }: AuthenticatedCall,
    decidedBy: DecidedBy | null,
    validUntil: number,
    facts: AuditFacts | null,
    more: AuditFacts['details'],
  ): CommonEntry | null {
    if (url.length > MAX_URL || caller.readAt <= this.#clearedAt || (decidedBy && !isCurrent(decidedBy)))
      return null;
    const details = this.#shared.of({ ...facts?.details, ...more });
    return {
      caller,
      user: decidedBy?.user ?? null,
      revision: decidedBy?.revision ?? 0,
      validUntil,
      facts: { ...facts, details },
    };
  }
}

function isCurrent({ user, revision }: DecidedBy): boolean {
  return user.isCurrent && user.revision === revision;
}

function keyOf(digest: string, url: string): string {
  return `${digest} ${url}`;
}

function storedKeyOf({ digest, url }: AuthenticatedCall): string {
  return flatText(digest, ' ', url);
}
