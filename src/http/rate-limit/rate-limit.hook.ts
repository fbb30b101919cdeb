import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { cacheBound } from '../../domain/cache-memory.js';
import { BrokerError } from '../../domain/errors.js';
import { RATE_LIMITED } from '../../domain/metrics/call-metrics.js';
import type { Counter } from '../../domain/metrics/instruments.js';
import type { Meter } from '../../domain/metrics/meter.js';
import { callerOf } from '../caller.decorator.js';
import { isEmbeddedElsewhere } from '../fetch-metadata.js';
import { credentialDigest, handedOver } from '../request-context.js';
import type { ClientAddresses } from './client-address.js';
import { FixedWindowCounter, networkOf } from './fixed-window-counter.js';
import {
  type AddressLimit,
  kindOf,
  kindOfRoute,
  type RatesPerMinute,
  ROUTE_LIMITS,
  type RouteKind,
  SERVICE_LIMIT,
  WITHOUT_ROUTE,
} from './route-limits.js';
import { Verifications } from './verifications.js';

/** Cached digests of verified credentials; a JWT is a new one every few minutes. */
const MAX_VERIFIED = 50_000;

/** @returns the id of the service whose key the request has; null for any other credential. From a cache, perhaps stale */
export type ServiceOfKey = (request: FastifyRequest) => string | null;

const NAME = 'rateLimits';

interface AddressCounts extends AddressLimit {
  readonly counter: FixedWindowCounter;
}

/**
 * Counts requests by the table in route-limits.ts. A forged credential must use up the limit of its sender, and no other:
 * a request counts for its address until its credential is verified, and for its service from then on. The cache of verified
 * credentials decides only what a request counts for; the guard of services/ authenticates each request.
 */
export class RateLimits {
  readonly #byAddress = new Map<RouteKind, AddressCounts>();
  /** Unbounded: it has authenticated services only, which are few, so that no other caller can evict one. */
  readonly #byService: FixedWindowCounter;
  readonly #verified = new LRUCache<string, string>(cacheBound(MAX_VERIFIED));
  readonly #refusals: Counter<typeof RATE_LIMITED.labels>;
  readonly #excused = new WeakSet<FastifyRequest>();
  readonly #verifications = new Verifications();

  constructor(
    rates: RatesPerMinute,
    readonly addresses: ClientAddresses,
    meter: Meter,
    private readonly serviceOfKey: ServiceOfKey,
  ) {
    this.#refusals = meter.counter(RATE_LIMITED);
    for (const [kind, { byAddress }] of Object.entries(ROUTE_LIMITS)) {
      if (!byAddress) continue;
      const counter = new FixedWindowCounter(rates[byAddress.max]);
      this.#byAddress.set(kind as RouteKind, { ...byAddress, counter });
    }
    this.#byService = new FixedWindowCounter(rates[SERVICE_LIMIT.max], new Map(), true);
  }

  /** Counts a request before anything else is done with it. @returns the refusal, if it is over a limit */
  admit(request: FastifyRequest, reply: FastifyReply): BrokerError | undefined {
    return request.routeOptions.config.hasCredentialInBody ? undefined : this.admitCaller(request, reply);
  }

  /** The same for a request whose credential is known by now, from its header or its body. */
  admitCaller(request: FastifyRequest, reply: FastifyReply): BrokerError | undefined {
    const kind = kindOf(request);
    const { byService } = ROUTE_LIMITS[kind];
    const begun = handedOver(request.raw);
    if (begun) {
      request.countedFor = begun.countedFor;
      return undefined;
    }
    if (byService !== null) {
      const service = this.#serviceOf(request);
      if (service !== null) return this.#countForService(service, request, reply);
    }
    const byAddress = this.#byAddress.get(kind);
    if (!byAddress) return undefined;
    const { name, counts, counter } = byAddress;
    const network = this.#networkOf(request);
    const now = performance.now();
    if (counts === 'requests') {
      const counted = isEmbeddedElsewhere(request) ? `${network} embedded` : network;
      return this.#refusalOf(name, counter, counter.add(counted, now), reply);
    }
    const waitMs = counter.peek(network, now);
    if (waitMs === 0 || byService === null) return undefined;
    const mayVerify = credentialDigest(request) !== undefined && this.#verifications.mayBegin;
    return mayVerify ? undefined : this.#refusalOf(name, counter, waitMs, reply);
  }

  /**
   * Verifies the credential of a request: once its body is read, so that no slow request keeps others from it.
   * @throws {BrokerError} `rate_limited`: too many of addresses over their limit are verified now; and what `verify` throws
   */
  async verify<Result>(
    request: FastifyRequest,
    reply: FastifyReply,
    verify: () => Promise<Result>,
  ): Promise<Result> {
    const byAddress = request.countedFor === null ? this.#byAddress.get(kindOf(request)) : undefined;
    const waitMs = byAddress?.counter.peek(this.#networkOf(request), performance.now()) ?? 0;
    if (!byAddress || waitMs === 0) return verify();
    const { name, counter } = byAddress;
    const refusal = this.#verifications.mayBegin ? undefined : this.#refusalOf(name, counter, waitMs, reply);
    if (refusal) throw refusal;
    return this.#verifications.run(verify);
  }

  /**
   * Counts a request for the service that it was authenticated as.
   * @throws {BrokerError} `rate_limited`
   */
  authenticated(request: FastifyRequest, reply: FastifyReply, serviceId: string): void {
    if (request.countedFor === serviceId) return;
    const digest = credentialDigest(request);
    if (digest !== undefined) this.#verified.set(digest, serviceId);
    const refusal = this.#countForService(serviceId, request, reply);
    if (refusal) throw refusal;
  }

  /**
   * Counts a request that is answered before the pipeline, for the service that the pipeline authenticated its credential as.
   * @returns false where it is over the limit: then it is not counted yet
   */
  admitKnown(serviceId: string): boolean {
    const now = performance.now();
    if (this.#byService.peek(serviceId, now) > 0) return false;
    this.#byService.add(serviceId, now);
    return true;
  }

  /**
   * Counts a refusal, for any reason, for its address, unless the credential is verified.
   * @returns the refusal to send instead when the address is over its limit
   */
  refused(
    request: FastifyRequest,
    reply: FastifyReply,
    { code, status }: RateLimitRefusal,
  ): BrokerError | undefined {
    if (code === 'rate_limited' || this.#excused.has(request)) return undefined;
    const byAddress = this.#byAddress.get(kindOf(request));
    if (!byAddress || byAddress.counts === 'requests') return undefined;
    if (code === 'unauthenticated') this.#verified.delete(credentialDigest(request) ?? '');
    else if (request.countedFor || callerOf(request)) return undefined;
    // An error of the broker is not the caller's doing; an issuer that does not answer may be: its JWTs can be forged.
    if (status >= 500 && code !== 'issuer_unavailable') return undefined;
    const { name, counter } = byAddress;
    const waitMs = counter.add(this.#networkOf(request), performance.now());
    return this.#refusalOf(name, counter, waitMs, reply);
  }

  /** Whether the refusals of its address have used up their limit already. */
  isOverLimit(request: FastifyRequest): boolean {
    const counter = this.#byAddress.get(kindOf(request))?.counter;
    return counter !== undefined && counter.peek(this.#networkOf(request), performance.now()) > 0;
  }

  /** A refusal of this request says nothing about its sender, and will not count for its address. */
  excuse(request: FastifyRequest): void {
    this.#excused.add(request);
  }

  /** @returns how many calls each service made since this was called last, refused ones included */
  takeCalls(): ReadonlyMap<string, number> {
    return this.#byService.take();
  }

  /** Counts what is not an HTTP request. @returns milliseconds until its sender may try again; 0: now */
  malformed(address: string): number {
    // A proxy forwards requests of many callers; this one's sender is not known.
    if (this.addresses.isProxy(address)) return 0;
    const byAddress = this.#byAddress.get(WITHOUT_ROUTE);
    if (!byAddress) return 0;
    const waitMs = byAddress.counter.add(networkOf(address), performance.now());
    if (waitMs > 0) this.#refusals.add({ limit: byAddress.name });
    return waitMs;
  }

  #serviceOf(request: FastifyRequest): string | null {
    const digest = credentialDigest(request);
    if (digest === undefined) return null;
    const verified = this.#verified.get(digest);
    if (verified !== undefined) return verified;
    const service = this.serviceOfKey(request);
    if (service !== null) this.#verified.set(digest, service);
    return service;
  }

  #countForService(serviceId: string, request: FastifyRequest, reply: FastifyReply): BrokerError | undefined {
    request.countedFor = serviceId;
    const waitMs = this.#byService.add(serviceId, performance.now());
    return this.#refusalOf(SERVICE_LIMIT.name, this.#byService, waitMs, reply);
  }

  #refusalOf(
    limit: AddressLimit['name'],
    { perMinute }: FixedWindowCounter,
    waitMs: number,
    reply: FastifyReply,
  ): BrokerError | undefined {
    if (waitMs === 0) return undefined;
    this.#refusals.add({ limit });
    const seconds = Math.ceil(waitMs / 1000);
    void reply.headers({ 'x-ratelimit-remaining': 0, 'x-ratelimit-reset': seconds });
    return tooMany(perMinute, seconds);
  }

  #networkOf(request: FastifyRequest): string {
    return networkOf(this.addresses.of(request.raw));
  }
}

interface RateLimitRefusal {
  readonly code: string;
  readonly status: number;
}

/** Call it before routes are registered: each gets its row of the table, so that no request looks for it. */
export function limitRates(server: FastifyInstance, limits: RateLimits): void {
  server.decorate(NAME, limits);
  server.addHook('onRoute', (route) => {
    route.config = { ...route.config, kind: kindOfRoute(route.url) };
  });
  server.addHook('onRequest', (request, reply, done) => {
    done(limits.admit(request, reply));
  });
}

export function rateLimitsOf(request: FastifyRequest): RateLimits {
  return request.server.getDecorator<RateLimits>(NAME);
}

function tooMany(perMinute: number, seconds: number): BrokerError {
  return new BrokerError('rate_limited', `More than ${perMinute} calls in a minute. Try again later.`, {
    retry_after: seconds,
  });
}
