import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';
import { cacheBound } from '../../domain/cache-bound.js';

const MINUTE_MS = 60_000;
/** The least recently seen caller is evicted first, and starts from zero again. */
const MAX_CALLERS = 50_000;

interface Window {
  count: number;
  readonly endsAt: number;
}

interface Windows {
  get(caller: string): Window | undefined;
  set(caller: string, window: Window): unknown;
}

/** Counts requests by caller, in windows of a minute that begin with the caller's first request. */
export class FixedWindowCounter {
  /**
   * @param perMinute at least one
   * @param windows bounded, unless the number of callers is
   */
  constructor(
    readonly perMinute: number,
    private readonly windows: Windows = new LRUCache<string, Window>(cacheBound(MAX_CALLERS)),
  ) {}

  /**
   * Counts a request.
   * @param now milliseconds of a monotonic clock
   * @returns milliseconds until the window ends; 0 when the request is within the limit
   */
  add(caller: string, now: number): number {
    const window = this.windows.get(caller);
    if (!window || window.endsAt <= now) {
      this.windows.set(caller, { count: 1, endsAt: now + MINUTE_MS });
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
