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
type CountCall = ReturnType<FastifyInstance['createRateLimit']>;

/**
 * Counts before anything is looked at: services by their whole credential, so that nobody can use up another's calls
 * by naming its id; browsers, and callers without a credential, by address.
 */
export async function limitRates(server: FastifyInstance, limits: RateLimits): Promise<void> {
  // Our own hook, not the plugin's: those belong to routes, and would come after what is answered from memory.
  await server.register(rateLimit, { global: false, timeWindow: 60_000 });
  const byCredential = server.createRateLimit({
    max: limits.servicePerMinute,
    keyGenerator: (request) => credentialDigest(request) ?? '',
  });
  const byAddress = server.createRateLimit({
    max: limits.browserPerMinute,
    keyGenerator: (request) => request.ip,
  });
  // Not an async function: each would be a promise more on every call.
  server.addHook('onRequest', (request, reply, done) => {
    if (request.url.startsWith('/health/') || request.url.startsWith('/metrics')) {
      done();
      return;
    }
    const isService =
      request.headers.authorization !== undefined && !isBrowserRoute(request.routeOptions.config);
    const countCall = isService ? byCredential : byAddress;
    countCall(request).then((count) => {
      done(refusalOf(count, reply));
    }, done);
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
  const refusal = refusalOf(await request.server.getDecorator<CountCall>(COUNT_CALL)(request), reply);
  if (refusal) throw refusal;
}

function refusalOf(count: Awaited<ReturnType<CountCall>>, reply: FastifyReply): BrokerError | undefined {
  if (count.isAllowed || !count.isExceeded) return undefined;
  void reply.headers({
    'x-ratelimit-remaining': count.remaining,
    'x-ratelimit-reset': count.ttlInSeconds,
    // It may be shown as a page, and comes before `dressPages`: our stylesheet, and nothing else.
    'content-security-policy': "default-src 'none';style-src 'self';frame-ancestors 'none'",
  });
  return new BrokerError('rate_limited', `More than ${count.max} calls in a minute. Try again later.`, {
    retry_after: Math.ceil(count.ttl / 1000),
  });
}
