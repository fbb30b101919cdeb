import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';
import { cacheBound } from '../../domain/cache-memory.js';

const MINUTE_MS = 60_000;
/** The least recently seen caller is evicted first, and starts from zero again. */
const MAX_CALLERS = 50_000;

interface Window {
  count: number;
  readonly endsAt: number;
  /** How many of `count` were taken already: `take`. */
  taken: number;
}

interface Windows extends Iterable<[string, Window]> {
  get(caller: string): Window | undefined;
  set(caller: string, window: Window): unknown;
}

/** Counts requests by caller, in windows of a minute that begin with the caller's first request. */
export class FixedWindowCounter {
  /** What windows that ended held, and was not taken. */
  readonly #ended = new Map<string, number>();

  /**
   * @param perMinute at least one
   * @param windows bounded, unless the number of callers is
   */
  constructor(
    readonly perMinute: number,
    private readonly windows: Windows = new LRUCache<string, Window>(cacheBound(MAX_CALLERS)),
    /** Whether `take` is called, now and then: what ends meanwhile is kept for it. */
    private readonly isTaken = false,
  ) {}

  /**
   * Counts a request.
   * @param now milliseconds of a monotonic clock
   * @returns milliseconds until the window ends; 0 when the request is within the limit
   */
  add(caller: string, now: number): number {
    const window = this.windows.get(caller);
    if (!window || window.endsAt <= now) {
      if (window && this.isTaken) this.#keep(caller, window);
      this.windows.set(caller, { count: 1, endsAt: now + MINUTE_MS, taken: 0 });
      return 0;
    }
    window.count++;
    return window.count > this.perMinute ? window.endsAt - now : 0;
  }

  /** What `add` would return, without counting. */
  peek(caller: string, now: number): number {
    const window = this.windows.get(caller);
    if (!window || window.endsAt <= now) return 0;
    return window.count >= this.perMinute ? window.endsAt - now : 0;
  }

  /** @returns how many requests each caller made since this was called last; only those who made some */
  take(): ReadonlyMap<string, number> {
    for (const [caller, window] of this.windows) {
      this.#keep(caller, window);
      window.taken = window.count;
    }
    const taken = new Map(this.#ended);
    this.#ended.clear();
    return taken;
  }

  #keep(caller: string, { count, taken }: Window): void {
    if (count > taken) this.#ended.set(caller, (this.#ended.get(caller) ?? 0) + count - taken);
  }
}

/** Prefixes of 96 bits before an IPv4 address: mapped (RFC 4291 section 2.5.5.2) and translated (RFC 6052 section 2.1). */
const OF_IPV4 = ['0:0:0:0:0:ffff', '64:ff9b:0:0:0:0'];

/**
 * The network that an address counts as. A home or a server has a whole /64 of IPv6 (RFC 6177), and could use a new address
 * for each request. An IPv4 address that is mapped into IPv6 counts as itself.
 */
export function networkOf(address: string): string {
  const [plain = ''] = address.split('%', 1);
  if (!isIPv6(plain)) return address;
  // A URL normalises the address: no leading zeros, no dots, the longest run of zeros omitted (RFC 5952).
  const [head = '', tail = ''] = new URL(`http://[${plain}]`).hostname.slice(1, -1).split('::');
  const [before, after] = [head, tail].map((half) => half.split(':').filter(Boolean)) as [string[], string[]];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const groups = [...before, ...zeros, ...after];
  if (!OF_IPV4.includes(groups.slice(0, 6).join(':'))) return `${groups.slice(0, 4).join(':')}::/64`;
  return groups
    .slice(6)
    .map((group) => Number.parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 255])
    .join('.');
}
