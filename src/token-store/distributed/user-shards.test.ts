import { describe, expect, test } from '@jest/globals';
import { hashText } from './hash-text.js';
import { HASH_PROBES, type UserShard, UserShards } from './user-shards.js';

const HASHES = HASH_PROBES.map(hashText);
const MIN = -(2 ** 31);

const shard = (min: number, max: number, worker: string): UserShard => ({
  min,
  max,
  worker,
  id: 1,
  grants: 'grants_1',
  accessTokens: 'access_tokens_2',
});

describe('the shards of users', () => {
  /** The coordinator has the shard between them. */
  const shards = UserShards.of({
    shards: [
      shard(MIN, -600_000_000, 'db-1:5432'),
      shard(0, 1_100_000_000, 'db-2:5432'),
      shard(1_100_000_001, 2 ** 31 - 1, 'db-1:5432'),
    ],
    hashes: HASHES,
  });

  test.each([
    ['müller', 'db-1:5432'],
    ['a', 'db-2:5432'],
    ['用户-42', 'db-1:5432'],
    ['user-1', null],
  ])('lead the user %j to %j', (user, worker) => {
    expect(shards?.shardOf(user)?.worker ?? null).toBe(worker);
  });

  test('are not used where the database has another hash', () => {
    expect(UserShards.of({ shards: [], hashes: HASHES.toSpliced(3, 1, 0) })).toBeNull();
    expect(UserShards.of({ shards: [], hashes: [] })).toBeNull();
  });

  test('are none where the cluster has none', () => {
    expect(UserShards.of({ shards: null, hashes: HASHES })?.shardOf('a')).toBeNull();
  });
});
