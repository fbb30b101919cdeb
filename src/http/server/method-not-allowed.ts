import type { FastifyInstance } from 'fastify';
import { BrokerError } from '../../domain/errors.js';
import { rateLimitsOf } from '../rate-limit/rate-limit.hook.js';
import { pathOf } from '../request-context.js';

interface Route {
  readonly segments: readonly string[];
  readonly methods: Set<string>;
}

/**
 * Answers another method at a known path with 405 and Allow (RFC 9110 section 15.5.6), and OPTIONS with Allow (section
 * 9.3.7). Fastify would answer 404. Call it before routes are registered.
 */
export function registerMethodNotAllowed(server: FastifyInstance): void {
  const routes = new Map<string, Route>();
  server.addHook('onRoute', ({ url, method }) => {
    const route = routes.get(url) ?? { segments: url.split('/'), methods: new Set(['OPTIONS']) };
    for (const each of [method].flat()) route.methods.add(each);
    routes.set(url, route);
  });
  server.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) {
      done();
      return;
    }
    const segments = pathOf(request.url).split('/');
    const found = [...routes.values()].filter((route) => matches(route.segments, segments));
    if (found.length === 0) {
      done();
      return;
    }
    const allow = [...new Set(found.flatMap(({ methods }) => [...methods]))].sort().join(', ');
    void reply.header('allow', allow);
    if (request.method !== 'OPTIONS') {
      done(new BrokerError('method_not_allowed', `Only ${allow} can be used here. See /openapi.json.`));
      return;
    }
    // Without a credential it counts like a refusal.
    const tooMany = rateLimitsOf(request).refused(request, reply, { code: 'options', status: 204 });
    if (tooMany) done(tooMany);
    else void reply.code(204).send();
  });
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.at(-1) === '*') {
    return (
      segments.length >= pattern.length && pattern.slice(0, -1).every((part, at) => part === segments[at])
    );
  }
  if (pattern.length !== segments.length) return false;
  return pattern.every((part, at) => (part.startsWith(':') ? segments[at] !== '' : part === segments[at]));
}
