import { describe, expect, test } from '@jest/globals';
import { FixedWindowCounter, networkOf } from './fixed-window-counter.js';

describe('the counter of calls in a minute', () => {
  test('allows as many as the limit, then none until the minute of the first is over', () => {
    const counts = new FixedWindowCounter(2);
    expect([0, 10_000, 20_000, 59_999, 60_000, 60_001, 60_002].map((now) => counts.add('a', now))).toEqual([
      0, 0, 40_000, 1, 0, 0, 59_998,
    ]);
  });

  test('counts each caller apart', () => {
    const counts = new FixedWindowCounter(1);
    expect(['a', 'b', 'a', 'b'].map((caller) => counts.add(caller, 0))).toEqual([0, 0, 60_000, 60_000]);
  });
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
  ['2001:db8::1:2:3:4:5', '2001:db8:0:1::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:c000:0201', '192.0.2.1'],
  ['64:ff9b::192.0.2.1', '192.0.2.1'],
  ['64:ff9b::c633:6401', '198.51.100.1'],
  ['64:ff9b:1::192.0.2.1', '64:ff9b:1:0::/64'],
  ['1::2:3:4:5:1.2.3.4', '1:0:2:3::/64'],
  ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
  ['unknown', 'unknown'],
])('the address %s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
