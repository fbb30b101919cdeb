import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';

const MINUTE_MS = 60_000;
/** The caller that called least recently is forgotten first, and starts again from zero. */
const MAX_CALLERS = 50_000;

interface Window {
  calls: number;
  readonly endsAt: number;
}

interface Windows {
  get(caller: string): Window | undefined;
  set(caller: string, window: Window): unknown;
}

/** Counts calls by caller, in windows of a minute that begin with the caller's first call. */
export class FixedWindowCounter {
  /**
   * @param perMinute at least one
   * @param windows bounded, unless the caller of this class bounds how many callers there are
   */
  constructor(
    readonly perMinute: number,
    private readonly windows: Windows = new LRUCache<string, Window>({ max: MAX_CALLERS }),
  ) {}

  /**
   * Counts a call.
   * @param now milliseconds of any clock that never goes back
   * @returns milliseconds until the caller may call again; 0 when this call was not too many
   */
  add(caller: string, now: number): number {
    const window = this.windows.get(caller);
    if (!window || window.endsAt <= now) {
      this.windows.set(caller, { calls: 1, endsAt: now + MINUTE_MS });
      return 0;
    }
    window.calls++;
    return window.calls > this.perMinute ? window.endsAt - now : 0;
  }

  /** What `add` would answer, without counting. */
  peek(caller: string, now: number): number {
    const window = this.windows.get(caller);
    if (!window || window.endsAt <= now) return 0;
    return window.calls >= this.perMinute ? window.endsAt - now : 0;
  }
}

/** Prefixes of 96 bits before an IPv4 address: mapped (RFC 4291 section 2.5.5.2) and translated (RFC 6052 section 2.1). */
const OF_IPV4 = ['0:0:0:0:0:ffff', '64:ff9b:0:0:0:0'];

/**
 * Who an address counts as. A home or a server has a whole /64 of IPv6 (RFC 6177), and could call from a new address
 * each time; an IPv4 address may come in IPv6's clothes.
 */
export function networkOf(address: string): string {
  const [plain = ''] = address.split('%', 1);
  if (!isIPv6(plain)) return address;
  // A URL has one spelling for each: no zeros in front, no dots, the longest run of zeros left out (RFC 5952).
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
