import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { BrokerError } from '../../domain/errors.js';
import { callerOf } from '../caller.decorator.js';
import { credentialDigest } from '../request-context.js';
import type { ClientAddresses } from './client-address.js';
import { FixedWindowCounter, networkOf } from './fixed-window-counter.js';
import { kindOf, type Limit, limitsByKind, type RatesPerMinute, type RouteKind } from './route-limits.js';

/** Credentials of services that were proved lately; a JWT is a new one every few minutes. */
const MAX_PROVED = 50_000;
/** From addresses over their limit, so many credentials may be looked at at a time. */
const MAX_PROVING = 8;

/** @returns the id of the service whose key a call shows; null for a made-up one. At once, from memory, perhaps out of date */
export type ServiceOfKey = (request: FastifyRequest) => string | null;

const NAME = 'rateLimits';

/**
 * Counts calls. A made-up credential must cost its sender something, and the calls of nobody else: so a call counts for
 * its address until its credential is proved, and for its service from then on. What is remembered as proved decides
 * only what a call counts for; whether it may do anything, the guard of services/ decides each time.
 */
export class RateLimits {
  readonly #limits: Readonly<Record<RouteKind, Limit>>;
  readonly #byAddress: Readonly<Record<RouteKind, FixedWindowCounter | null>>;
  /** Only services that proved themselves get in: they are few, and no stranger can push one out. */
  readonly #byService: FixedWindowCounter;
  readonly #proved = new LRUCache<string, string>({ max: MAX_PROVED });
  #proving = 0;

  constructor(
    rates: RatesPerMinute,
    readonly addresses: ClientAddresses,
    private readonly serviceOfKey: ServiceOfKey,
  ) {
    this.#limits = limitsByKind(rates);
    const counts = (kind: RouteKind) => {
      const limit = this.#limits[kind].byAddress;
      return limit && new FixedWindowCounter(limit.max);
    };
    this.#byAddress = {
      service: counts('service'),
      browser: counts('browser'),
      'security-events': counts('security-events'),
      exempt: counts('exempt'),
    };
    this.#byService = new FixedWindowCounter(rates.serviceRateLimit, new Map());
  }

  /** Before anything is looked at. @returns why the call is refused */
  atDoor(request: FastifyRequest, reply: FastifyReply): BrokerError | undefined {
    const kind = kindOf(request);
    const { byService, byAddress } = this.#limits[kind];
    if (byService !== null) {
      const service = this.#serviceOf(request);
      if (service !== null) return this.#countForService(service, request, reply);
    }
    const counts = this.#byAddress[kind];
    if (!byAddress || !counts) return undefined;
    const network = this.#networkOf(request);
    const now = performance.now();
    if (byAddress.counts === 'requests') return refusalOf(counts, counts.add(network, now), reply);
    const waitMs = counts.peek(network, now);
    const mayProve = waitMs === 0 || byService === null || this.#mayProve(request, reply);
    return mayProve ? undefined : refusalOf(counts, waitMs, reply);
  }

  /**
   * A call turned out to be a service's.
   * @throws {BrokerError} `rate_limited`
   */
  prove(request: FastifyRequest, reply: FastifyReply, serviceId: string): void {
    if (request.countedFor === serviceId) return;
    const digest = credentialDigest(request);
    if (digest !== undefined) this.#proved.set(digest, serviceId);
    const refusal = this.#countForService(serviceId, request, reply);
    if (refusal) throw refusal;
  }

  /**
   * A call is about to be refused, for whatever reason. Without a proved credential, its address is charged.
   * @returns what to say instead when the address had too many of those
   */
  refused(request: FastifyRequest, reply: FastifyReply, { code, status }: Refusal): BrokerError | undefined {
    if (code === 'rate_limited') return undefined;
    const kind = kindOf(request);
    const counts = this.#byAddress[kind];
    if (!counts || this.#limits[kind].byAddress?.counts === 'requests') return undefined;
    if (code === 'unauthenticated') this.#proved.delete(credentialDigest(request) ?? '');
    else if (request.countedFor || callerOf(request)) return undefined;
    // A fault of the broker's own says nothing about the caller; an issuer that is asked about forged JWTs does.
    if (status >= 500 && code !== 'issuer_unavailable') return undefined;
    return refusalOf(counts, counts.add(this.#networkOf(request), performance.now()), reply);
  }

  /** Something came that is no request. @returns milliseconds until its sender may try again; 0: now */
  malformed(address: string): number {
    // A proxy passes requests of many on; who sent this one is not known.
    if (this.addresses.isProxy(address)) return 0;
    return this.#byAddress.service?.add(networkOf(address), performance.now()) ?? 0;
  }

  #serviceOf(request: FastifyRequest): string | null {
    const digest = credentialDigest(request);
    if (digest === undefined) return null;
    const proved = this.#proved.get(digest);
    if (proved !== undefined) return proved;
    const service = this.serviceOfKey(request);
    if (service !== null) this.#proved.set(digest, service);
    return service;
  }

  #countForService(serviceId: string, request: FastifyRequest, reply: FastifyReply): BrokerError | undefined {
    request.countedFor = serviceId;
    return refusalOf(this.#byService, this.#byService.add(serviceId, performance.now()), reply);
  }

  /**
   * A service behind the same address as an attacker must still be able to prove itself with a new JWT, or with its key
   * while services are not in memory. A few at a time may, which bounds the work; a refusal then says `rate_limited`.
   */
  #mayProve({ headers }: FastifyRequest, reply: FastifyReply): boolean {
    if (headers.authorization === undefined || this.#proving >= MAX_PROVING) return false;
    this.#proving++;
    reply.raw.once('close', () => {
      this.#proving--;
    });
    return true;
  }

  #networkOf(request: FastifyRequest): string {
    return networkOf(this.addresses.of(request.raw));
  }
}

interface Refusal {
  readonly code: string;
  readonly status: number;
}

export function limitRates(server: FastifyInstance, limits: RateLimits): void {
  server.decorate(NAME, limits);
  server.addHook('onRequest', (request, reply, done) => {
    done(limits.atDoor(request, reply));
  });
}

export function rateLimitsOf(request: FastifyRequest): RateLimits {
  return request.server.getDecorator<RateLimits>(NAME);
}

function refusalOf(counts: FixedWindowCounter, waitMs: number, reply: FastifyReply): BrokerError | undefined {
  if (waitMs === 0) return undefined;
  const seconds = Math.ceil(waitMs / 1000);
  void reply.headers({ 'x-ratelimit-remaining': 0, 'x-ratelimit-reset': seconds });
  return tooMany(counts.perMinute, seconds);
}

function tooMany(perMinute: number, seconds: number): BrokerError {
  return new BrokerError('rate_limited', `More than ${perMinute} calls in a minute. Try again later.`, {
    retry_after: seconds,
  });
}
