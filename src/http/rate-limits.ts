import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BrokerError } from '../domain/errors.js';
import { isBrowserRoute } from './browser-route.js';
import { CallCounts, networkOf } from './call-counts.js';
import { callerOf } from './caller.js';
import { credentialDigest, isServiceKey } from './credential.js';

export interface RateLimits {
  readonly servicePerMinute: number;
  readonly browserPerMinute: number;
}

const CALLS_BY_SERVICE = 'callsByService';

/**
 * Counts before anything is looked at: services by their whole credential, so that nobody can use up another's calls
 * by naming its id; browsers, and callers without a credential, by address.
 */
export function limitRates(server: FastifyInstance, limits: RateLimits): void {
  const byCredential = new CallCounts(limits.servicePerMinute);
  const byAddress = new CallCounts(limits.browserPerMinute);
  server.decorate(CALLS_BY_SERVICE, new CallCounts(limits.servicePerMinute));
  server.addHook('onRequest', (request, reply, done) => {
    if (request.url.startsWith('/health/') || request.url.startsWith('/metrics')) done();
    else {
      const digest = isBrowserRoute(request.routeOptions.config) ? undefined : credentialDigest(request);
      done(
        digest === undefined
          ? refusalOf(byAddress, networkOf(request.ip), reply)
          : refusalOf(byCredential, digest, reply),
      );
    }
  });
}

/**
 * Counts a call once more, by the service that proved to make it: a workload's JWT is a new credential every few
 * minutes, and would start a new count each time. A key is always the same, and counted.
 * @throws {BrokerError} `rate_limited`
 */
export function demandCallsLeft(request: FastifyRequest, reply: FastifyReply): void {
  if (isServiceKey(request)) return;
  const counts = request.server.getDecorator<CallCounts>(CALLS_BY_SERVICE);
  const refusal = refusalOf(counts, callerOf(request)?.id ?? 'nobody', reply);
  if (refusal) throw refusal;
}

function refusalOf(counts: CallCounts, caller: string, reply: FastifyReply): BrokerError | undefined {
  const waitMs = counts.add(caller, performance.now());
  if (waitMs === 0) return undefined;
  const seconds = Math.ceil(waitMs / 1000);
  void reply.headers({
    'x-ratelimit-remaining': 0,
    'x-ratelimit-reset': seconds,
    // It may be shown as a page, and comes before `dressPages`: our stylesheet, and nothing else.
    'content-security-policy': "default-src 'none';style-src 'self';frame-ancestors 'none'",
  });
  return new BrokerError(
    'rate_limited',
    `More than ${counts.perMinute} calls in a minute. Try again later.`,
    {
      retry_after: seconds,
    },
  );
}
