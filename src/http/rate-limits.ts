import { createHash } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { BrokerError } from '../domain/errors.js';
import { isBrowserRoute } from './browser-route.js';

export interface RateLimits {
  readonly servicePerMinute: number;
  readonly browserPerMinute: number;
}

/**
 * Services are counted by their whole credential, so that nobody can use up another's calls by naming its id;
 * browsers, and callers without one, by address.
 */
export async function limitRates(app: NestFastifyApplication, limits: RateLimits): Promise<void> {
  await app.register(rateLimit, {
    timeWindow: 60_000,
    cache: 10_000,
    allowList: (request) => request.url.startsWith('/health/') || request.url.startsWith('/metrics'),
    keyGenerator: (request) => {
      const credential = isBrowserRoute(request.routeOptions.config)
        ? undefined
        : request.headers.authorization;
      return credential === undefined
        ? `address ${request.ip}`
        : `service ${createHash('sha256').update(credential).digest('base64url')}`;
    },
    max: (_request, key) => (key.startsWith('service ') ? limits.servicePerMinute : limits.browserPerMinute),
    errorResponseBuilder: (_request, context) =>
      new BrokerError('rate_limited', `More than ${context.max} calls in a minute. Try again later.`, {
        retry_after: Math.ceil(context.ttl / 1000),
      }),
  });
}
