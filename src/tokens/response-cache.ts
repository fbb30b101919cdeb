import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { cacheBound } from '../domain/cache-bound.js';
import type { CachedGrant, CachedToken, UserGrants } from '../access-tokens/grant-cache.js';
import type { DecidedBy, RepeatableRefusal } from '../access-tokens/token-errors.js';
import { Settings } from '../config/settings.js';
import type { Service } from '../domain/access/policy.js';
import { isFresh } from '../domain/grant/token-freshness.js';
import { cacheLookups, meterCache } from '../domain/metrics/cache-meter.js';
import { Meter } from '../domain/metrics/meter.js';
import { Clock } from '../domain/ports/clock.js';
import { type AuditFacts, auditedMembersOf } from '../http/audit.decorator.js';
import type { Proof } from '../http/caller.decorator.js';
import { toOAuthError } from '../http/problem/oauth-error.js';
import { problemOf } from '../http/problem/problem.js';
import { credentialDigest } from '../http/request-context.js';
import { isTokenEndpoint } from '../http/token-endpoint.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { SerializedToken } from './token.response.js';

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
  readonly rest: string;
}

/** A call, and how its caller was authenticated. */
export interface AuthenticatedCall {
  readonly url: string;
  /** Of the Authorization header, or of the whole form at the token endpoint: request-context.ts */
  readonly digest: string;
  readonly service: Service;
  readonly proof: Proof;
  /** When the service was read from the database, by performance.now(). */
  readonly readAt: number;
}

/** A call that the guard has authenticated. */
export function callOf(request: FastifyRequest, service: Service): AuthenticatedCall {
  const { url, callerProof: proof, callerReadAt: readAt } = request;
  const digest = request.formDigest ?? credentialDigest(request) ?? '';
  return { url, digest, service, proof: proof ?? { isValid: () => false }, readAt };
}

/** A response, and everything that it was derived from. */
interface CommonEntry {
  readonly service: Service;
  readonly proof: Proof;
  /** Null: the service's policy alone. */
  readonly decidedBy: DecidedBy | null;
  /** When the service or the grants were read from the database, whichever was first; by performance.now(). */
  readonly readAt: number;
  /** Of its audit event. One object, by which audit-log.repository.ts finds events that are alike. */
  readonly details: NonNullable<AuditFacts['details']>;
  readonly facts: AuditFacts;
}

export interface CachedTokenResponse extends CommonEntry {
  readonly kind: 'token';
  readonly token: CachedToken;
  readonly minTtlSeconds: number;
  readonly body: SerializedToken;
}

export interface CachedRefusal extends CommonEntry {
  readonly kind: 'refusal';
  /** In OAuth's form, or a problem. */
  readonly isOAuth: boolean;
  readonly status: number;
  readonly code: string;
  /** The body, before and after the id of the request. */
  readonly beforeId: string;
  readonly afterId: string;
  /** Milliseconds since 1970. */
  readonly validUntil: number;
}

export type CachedAnswer = CachedTokenResponse | CachedRefusal;

/**
 * Responses of GET /tokens/:userId, by credential and URL, and of POST /oauth2/token, by body, to the letter: tokens, and
 * refusals that follow from the grants alone. A change of any service evicts all; an entry is no longer valid after a change of the user's grants, a new token, at
 * its token's age, when its credential expires, or at the age of what it was derived from. Sending is warm-path.ts's part.
 */
@Injectable()
export class ResponseCache {
  readonly #tokens: LRUCache<string, CachedTokenResponse> | null;
  readonly #refusals: LRUCache<string, CachedRefusal> | null;
  readonly #lookups: ReturnType<typeof cacheLookups>;
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
    changes.subscribe(({ kind }) => {
      // An entry asks its proof whether a delegated credential has changed.
      if (kind === 'grant' || kind === 'credential' || kind === 'ticket') return;
      this.#clearedAt = performance.now();
      this.#tokens?.clear();
      this.#refusals?.clear();
    });
  }

  /** @param digest of the Authorization header, or of the form: request-context.ts */
  find(digest: string, url: string, now: Date): CachedAnswer | null {
    const key = keyOf(digest, url);
    const entry = this.#tokens?.get(key) ?? this.#refusals?.get(key);
    const found = entry && this.#isValid(entry, now) ? entry : null;
    (found ? this.#lookups.hits : this.#lookups.misses).add();
    return found;
  }

  store(call: AuthenticatedCall, issued: IssuedResponse, facts: AuditFacts | null): void {
    const { user, token, minTtlSeconds, rest } = issued;
    const common = this.#commonOf(call, { user, grants: user.grants }, facts, {});
    if (!common) return;
    const body = new SerializedToken(token, rest);
    this.#tokens?.set(common.key, { kind: 'token', ...common.entry, token, minTtlSeconds, body });
  }

  storeRefusal(call: AuthenticatedCall, refusal: RepeatableRefusal, facts: AuditFacts | null): void {
    const problem = problemOf(refusal, REQUEST_ID);
    const common = this.#commonOf(call, refusal.decidedBy, facts, auditedMembersOf(problem));
    if (!common) return;
    const isOAuth = isTokenEndpoint(call.url);
    const { status, body } = isOAuth ? toOAuthError(problem) : { status: problem.status, body: problem };
    const [beforeId = '', afterId = ''] = JSON.stringify(body).split(REQUEST_ID);
    const validUntil = this.clock.now().getTime() + MAX_REFUSAL_MS;
    const { code } = problem;
    const answer = { kind: 'refusal', isOAuth, status, code, beforeId, afterId, validUntil } as const;
    this.#refusals?.set(common.key, { ...common.entry, ...answer });
    this.#tokens?.delete(common.key);
  }

  #isValid(entry: CachedAnswer, now: Date): boolean {
    const { decidedBy } = entry;
    if (!this.changes.isValidSince(entry.readAt) || !entry.proof.isValid(now)) return false;
    if (decidedBy && !isCurrent(decidedBy)) return false;
    if (entry.kind === 'refusal') return now.getTime() < entry.validUntil;
    const { token, minTtlSeconds } = entry;
    return token.renewFrom > now && isFresh(token, now, minTtlSeconds);
  }

  /** @returns null where the response must not be cached */
  #commonOf(
    { url, digest, service, proof, readAt }: AuthenticatedCall,
    decidedBy: DecidedBy | null,
    facts: AuditFacts | null,
    details: AuditFacts['details'],
  ): { readonly key: string; readonly entry: CommonEntry } | null {
    if (url.length > MAX_URL || readAt <= this.#clearedAt || (decidedBy && !isCurrent(decidedBy)))
      return null;
    const entry = {
      service,
      proof,
      decidedBy,
      readAt: Math.min(readAt, decidedBy?.user.readAt ?? readAt),
      details: { ...facts?.details, ...details },
      facts: facts ?? {},
    };
    return { key: keyOf(digest, url), entry };
  }
}

function isCurrent({ user, grants }: { user: UserGrants; grants: readonly CachedGrant[] }): boolean {
  return user.isCurrent && user.grants === grants;
}

function keyOf(digest: string, url: string): string {
  return `${digest} ${url}`;
}
