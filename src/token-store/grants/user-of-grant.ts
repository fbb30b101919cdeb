/**
 * Whose a grant is, by its id alone, while a server of a cluster is away: a statement that asks all servers fails then, so each is
 * asked by a statement of its own, and one that has the grant is enough. Owns neither the usual read, which is one statement for all
 * servers (grants.repository.ts), nor what is read of the grant: that is found by its user then.
 */
import type { UserOrAll } from '../client/change-by-user.js';
import { databaseFault } from '../client/database-error.js';
import type { Database } from '../client/database.js';

interface Server {
  readonly host: string;
  readonly port: number;
  /** Asks the shards that this server has. */
  readonly text: string;
  readonly shards: number;
  /** Of all servers. */
  readonly allShards: number;
}

const SERVERS = `
  SELECT nodename AS host, nodeport AS port, format('SELECT (SELECT user_id FROM (%s) AS found LIMIT 1)',
    string_agg(format('SELECT user_id FROM %s WHERE id = %L', shard_name(logicalrelid, shardid), $1::uuid), ' UNION ALL ')) AS text,
    count(*)::integer AS shards,
    (SELECT count(*)::integer FROM pg_dist_shard WHERE logicalrelid = 'public.grants'::regclass) AS "allShards"
  FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) JOIN pg_dist_node USING (groupid)
  WHERE logicalrelid = 'public.grants'::regclass AND noderole = 'primary'
  GROUP BY nodename, nodeport`;

const ASK =
  'SELECT success, result FROM master_run_on_worker(ARRAY[$1], ARRAY[$2::integer], ARRAY[$3], true)';

/** @param find of the user's rows; null: of those of all users, at all servers */
export async function findByIdAlone<Row>(
  database: Pick<Database, 'isDistributed' | 'unprepared' | 'aboutServer'>,
  id: string,
  find: (user: UserOrAll) => Promise<Row | null>,
): Promise<Row | null> {
  try {
    return await find(null);
  } catch (fault) {
    if (!database.isDistributed() || databaseFault(fault) === null) throw fault;
    const user = await userOfGrant(database, id, fault);
    return user === null ? null : find(user);
  }
}

/**
 * @param fault why the servers could not be asked together
 * @returns null where each of them says that it has no such grant
 * @throws `fault` where none of those that answer has it
 */
export async function userOfGrant(
  database: Pick<Database, 'unprepared' | 'aboutServer'>,
  id: string,
  fault: unknown,
): Promise<string | null> {
  const servers = await database.unprepared<Server>(SERVERS, [id]);
  const [first] = servers;
  const known = servers.reduce((sum, { shards }) => sum + shards, 0);
  // Of a shard without a primary nothing is known.
  if (!first || known < first.allShards) throw fault;
  const asked = servers.map(async ({ host, port, text }) => {
    const ask = () => database.unprepared<{ success: boolean; result: string }>(ASK, [host, port, text]);
    // It may be silent, and is not waited for where another one has the grant.
    const rows = await database.aboutServer(`${host}:${port}`, ask);
    const [answer] = rows;
    if (!answer?.success) throw fault;
    return answer.result === '' ? null : answer.result;
  });
  const having = asked.map(async (asking) => (await asking) ?? Promise.reject(new Error('It has none.')));
  try {
    return await Promise.any(having);
  } catch {
    const answers = await Promise.allSettled(asked);
    if (answers.every(({ status }) => status === 'fulfilled')) return null;
    throw fault;
  }
}
