import { expect, test } from '@jest/globals';
import { Settings } from '../../config/settings.js';
import { GrantWatermarks } from './grant-watermarks.js';

const COUNT = 500;

test('grants that come and go leave no more than the last of them, which are still known', () => {
  const marks = new GrantWatermarks(Object.assign(new Settings(), { cacheUsers: 10 }));
  const read = (...ids: string[]) => {
    const rows = ids.map((id) => ({ id, version: 1, credentialVersion: 1 }));
    return [...marks.judge('alice', 'default', marks.before('alice', 'default'), rows)];
  };
  const ids = Array.from({ length: COUNT }, (_, index) => `grant-${index}`);
  for (const id of ids) expect(read('kept', id)).toEqual([]);
  expect(read('kept')).toEqual([]);
  const known = JSON.parse(marks.before('alice', 'default')) as [string][];
  expect(known.length).toBeLessThan(100);
  // Put back, each of these is older than what is known.
  const last = ids.slice(-20);
  expect(read('kept', ...last)).toEqual(last);
});
