import { expect, test } from '@jest/globals';
import { adsApiVersion } from './api-versions.js';

test.each([
  ['v26', '2026-11-28', '2027-11-01', 'served'],
  ['v26', '2027-08-02', '2027-11-01', 'served'],
  ['v26', '2027-08-03', '2027-11-01', 'ending'],
  ['v26', '2027-10-31', '2027-11-01', 'ending'],
  ['v26', '2027-11-01', '2027-11-01', 'ended'],
  ['v22', '2026-11-28', '2026-10-07', 'ended'],
  ['v12', '2026-11-28', null, 'ended'],
  ['v27', '2026-11-28', null, 'unknown'],
] as const)('%s on %s has the sunset %s and is %s', (version, day, sunset, state) => {
  expect(adsApiVersion(version, new Date(day))).toEqual({ version, sunset, state });
});
