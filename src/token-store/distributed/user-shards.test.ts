import { describe, expect, test } from '@jest/globals';
import { hashText } from './hash-text.js';
import { HASH_PROBES, UserShards } from './user-shards.js';

const HASHES = HASH_PROBES.map(hashText);
const MIN = -(2 ** 31);

describe('the shards of users', () => {
  /** The coordinator has the shard between them. */
  const shards = UserShards.of({
    shards: [
      { min: MIN, max: -600_000_000, worker: 'db-1:5432' },
      { min: 0, max: 1_100_000_000, worker: 'db-2:5432' },
      { min: 1_100_000_001, max: 2 ** 31 - 1, worker: 'db-1:5432' },
    ],
    hashes: HASHES,
  });

  test.each([
    ['müller', 'db-1:5432'],
    ['a', 'db-2:5432'],
    ['用户-42', 'db-1:5432'],
    ['user-1', null],
  ])('lead the user %j to %j', (user, worker) => {
    expect(shards?.workerOf(user)).toBe(worker);
  });

  test('are not used where the database has another hash', () => {
    expect(UserShards.of({ shards: [], hashes: HASHES.toSpliced(3, 1, 0) })).toBeNull();
    expect(UserShards.of({ shards: [], hashes: [] })).toBeNull();
  });

  test('are none where the cluster has none', () => {
    expect(UserShards.of({ shards: null, hashes: HASHES })?.workerOf('a')).toBeNull();
  });
});
