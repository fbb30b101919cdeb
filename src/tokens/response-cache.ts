import { Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { CachedGrant, CachedToken, UserGrants } from '../access-tokens/grant-cache.js';
import { Settings } from '../config/settings.js';
import type { Service } from '../domain/access/policy.js';
import { isFresh } from '../domain/grant/token-freshness.js';
import { Clock } from '../domain/ports/clock.js';
import type { AuditFacts } from '../http/audit.decorator.js';
import { setCaller } from '../http/caller.decorator.js';
import { credentialDigest, isServiceKey } from '../http/credential.js';
import { AuditLog } from '../token-store/audit/audit-log.repository.js';
import { ChangeFeed } from '../token-store/change-feed/change-feed.js';
import { answerOf, type CachedResponse } from './token.response.js';

/** Longer ones are remembered by nobody, so that the number of questions bounds their weight. */
const MAX_URL = 600;

/** How a question was answered, and all that the answer was decided by. */
export interface Decision {
  readonly service: Service;
  readonly user: UserGrants;
  readonly lasting: CachedResponse;
  readonly token: CachedToken;
  readonly minTtlSeconds: number;
  readonly facts: AuditFacts;
}

interface Remembered extends Decision {
  readonly grants: readonly CachedGrant[];
  /** When the database was asked for the service or the grants, whichever was first. */
  readonly readAt: number;
}

/**
 * The same question, and nothing changed since: the same answer, before any guard, pipe or handler is asked. A
 * question is a service key and a URL, to the letter. A change of any service forgets all answers; a change of the
 * user's grants, or a new token, makes its own answers void; so does time, and the age of what was read for it.
 */
@Injectable()
export class ResponseCache {
  readonly #answers: LRUCache<string, Remembered> | null;
  /** Grows when all is forgotten: what was decided before must not be remembered after. */
  #epoch = 0;

  constructor(
    settings: Settings,
    private readonly clock: Clock,
    private readonly changes: ChangeFeed,
    private readonly audit: AuditLog,
  ) {
    this.#answers = settings.memoryUsers === 0 ? null : new LRUCache({ max: settings.memoryUsers });
    changes.subscribe(({ kind }) => {
      if (kind === 'grant') return;
      this.#epoch++;
      this.#answers?.clear();
    });
  }

  /** @returns false when the question must go the whole way */
  serve(request: FastifyRequest, reply: FastifyReply): boolean {
    request.answersEpoch = this.#epoch;
    const key = questionOf(request);
    const known = key === null ? undefined : this.#answers?.get(key);
    if (!known || !this.changes.believes(known.readAt) || !this.audit.hasRoom(known.service.id)) return false;
    const { user, grants, token, lasting, service } = known;
    const now = this.clock.now();
    if (!user.isCurrent || user.grants !== grants) return false;
    if (token.renewFrom <= now || !isFresh(token, now, known.minTtlSeconds)) return false;
    setCaller(request, service, known.readAt);
    request.isRepeated = true;
    this.audit.record({
      at: now,
      action: 'token.issue',
      actor: service.name,
      serviceId: service.id,
      requestId: request.id,
      ...known.facts,
      outcome: 'ok',
    });
    void reply.header('cache-control', 'no-store').send(answerOf(lasting, token, now));
    return true;
  }

  remember(request: FastifyRequest, decision: Decision): void {
    const key = questionOf(request);
    if (key === null || request.answersEpoch !== this.#epoch || !decision.user.isCurrent) return;
    const { grants, readAt } = decision.user;
    this.#answers?.set(key, { ...decision, grants, readAt: Math.min(readAt, request.callerReadAt) });
  }
}

/** Keys only: a JWT ends by itself, and is verified each time. */
function questionOf(request: FastifyRequest): string | null {
  if (!isServiceKey(request) || request.url.length > MAX_URL) return null;
  return `${credentialDigest(request) ?? ''} ${request.url}`;
}

/** Only this route's answers are remembered; a look at the path saves looking for others. */
const PATH = '/tokens/';

/**
 * Puts memory in front of the route: after what counts and hardens every call, before all of Nest and of what pages need.
 * @param answers none until the broker is put together
 */
export function registerWarmPath(server: FastifyInstance, answers: () => ResponseCache | null): void {
  server.addHook('onRequest', (request, reply, done) => {
    const mayBeKnown = request.url.startsWith(PATH) && request.method === 'GET';
    if (!mayBeKnown || !answers()?.serve(request, reply)) done();
  });
}
