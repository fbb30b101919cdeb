import rateLimit from '@fastify/rate-limit';
import { BrokerError } from '../domain/errors.js';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isBrowserRoute } from './browser-route.js';
import { callerOf } from './caller.js';
import { credentialDigest, isServiceKey } from './credential.js';

export interface RateLimits {
  readonly servicePerMinute: number;
  readonly browserPerMinute: number;
}

const COUNT_CALL = 'countCallOfService';
type CountCall = ReturnType<FastifyRequest['server']['createRateLimit']>;

/**
 * Counts before anything is looked at: services by their whole credential, so that nobody can use up another's calls
 * by naming its id; browsers, and callers without a credential, by address.
 */
export async function limitRates(server: FastifyInstance, limits: RateLimits): Promise<void> {
  await server.register(rateLimit, {
    timeWindow: 60_000,
    cache: 10_000,
    allowList: (request) => request.url.startsWith('/health/') || request.url.startsWith('/metrics'),
    keyGenerator: (request) => {
      const digest = isBrowserRoute(request.routeOptions.config) ? undefined : credentialDigest(request);
      return digest === undefined ? `address ${request.ip}` : `service ${digest}`;
    },
    max: (_request, key) => (key.startsWith('service ') ? limits.servicePerMinute : limits.browserPerMinute),
    // Said where it matters: with a refusal. On every answer it would be three more headers that nobody reads.
    addHeaders: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
    errorResponseBuilder: (_request, context) => tooManyCalls(context.max, context.ttl),
  });
  server.decorate(
    COUNT_CALL,
    server.createRateLimit({
      max: limits.servicePerMinute,
      keyGenerator: (request) => callerOf(request)?.id ?? 'nobody',
    }),
  );
}

/**
 * Counts a call once more, by the service that proved to make it: a workload's JWT is a new credential every few
 * minutes, and would start a new count each time. A key is always the same, and counted.
 * @throws {BrokerError} `rate_limited`
 */
export async function demandCallsLeft(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (isServiceKey(request)) return;
  const count = await request.server.getDecorator<CountCall>(COUNT_CALL)(request);
  if (count.isAllowed) return;
  void reply.header('x-ratelimit-remaining', count.remaining).header('x-ratelimit-reset', count.ttlInSeconds);
  if (count.isExceeded) throw tooManyCalls(count.max, count.ttl);
}

function tooManyCalls(max: number, ttl: number): BrokerError {
  return new BrokerError('rate_limited', `More than ${max} calls in a minute. Try again later.`, {
    retry_after: Math.ceil(ttl / 1000),
  });
}
