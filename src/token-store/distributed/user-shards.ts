/**
 * Which worker has the rows of a user, and in which tables, by the cluster's own tables. What it says is never needed for a right answer:
 * each worker sends on what another one has, and a read of a shard looks whether the shard is still there. Owns no connection:
 * client/worker-pools.ts.
 */
import { hashText } from './hash-text.js';

export interface UserShard {
  /** The hashes of its users, from and to. */
  readonly min: number;
  readonly max: number;
  /** `host:port` */
  readonly worker: string;
  /** Of `grants`. */
  readonly id: number;
  /** The tables at the worker that are this part of `grants` and of `access_tokens`. */
  readonly grants: string;
  readonly accessTokens: string;
}

/** A row of `READ_USER_SHARDS`. */
export interface UserShardsRow {
  readonly shards: readonly UserShard[] | null;
  readonly hashes: readonly number[];
}

/** Of each length that the hash treats in its own way, and with characters of several bytes. */
export const HASH_PROBES: readonly string[] = [
  ...Array.from({ length: 26 }, (_, length) => 'abcdefghijklmnopqrstuvwxyz'.slice(0, length)),
  'müller',
  '用户',
];

/** Those on the coordinator are left out, and those on a worker whose own tables may be old. @param $1 HASH_PROBES */
export const READ_USER_SHARDS = `
  SELECT (SELECT json_agg(json_build_object('min', grants.shardminvalue::int, 'max', grants.shardmaxvalue::int,
        'worker', nodename || ':' || nodeport, 'id', grants.shardid, 'grants', shard_name(grants.logicalrelid, grants.shardid),
        'accessTokens', shard_name(tokens.logicalrelid, tokens.shardid)) ORDER BY grants.shardminvalue::int)
      FROM pg_dist_shard grants JOIN pg_dist_shard tokens USING (shardminvalue, shardmaxvalue)
        JOIN pg_dist_placement placement ON placement.shardid = grants.shardid JOIN pg_dist_node USING (groupid)
      WHERE grants.logicalrelid = 'public.grants'::regclass AND tokens.logicalrelid = 'public.access_tokens'::regclass
        AND groupid <> 0 AND noderole = 'primary' AND isactive AND hasmetadata AND metadatasynced) AS shards,
    ARRAY(SELECT hashtext(probe) FROM unnest($1::text[]) WITH ORDINALITY AS probes (probe, place) ORDER BY place) AS hashes`;

export class UserShards {
  private constructor(private readonly shards: readonly UserShard[]) {}

  static readonly NONE = new UserShards([]);

  /** @returns null where the server has another hash than this process */
  static of({ shards, hashes }: UserShardsRow): UserShards | null {
    const isSame = HASH_PROBES.every((probe, index) => hashText(probe) === hashes[index]);
    return isSame ? new UserShards(shards ?? []) : null;
  }

  /** @returns null where it is unknown */
  shardOf(userId: string): UserShard | null {
    const hash = hashText(userId);
    let [low, high] = [0, this.shards.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      const shard = this.shards[middle];
      if (!shard) break;
      if (hash < shard.min) high = middle - 1;
      else if (hash > shard.max) low = middle + 1;
      else return shard;
    }
    return null;
  }
}
