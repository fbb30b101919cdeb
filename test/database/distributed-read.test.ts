import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Database } from '../../src/token-store/client/database.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

/** Both cold reads return the same on one server: there the one of a cluster is run by saying that the tables are distributed. */
describe('a cold read of distributed tables', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  beforeEach(async () => {
    bed.google.control.reset();
    await bed.reset();
    await connect();
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });
  afterAll(() => bed.stop());

  const connect = () =>
    bed.api.connect({ user_id: 'alice', scope: YOUTUBE, prompt: 'consent' }, { account: ALICE.email });
  const tokenRows = () => bed.sql(`SELECT row_to_json(access_tokens) AS row FROM access_tokens`);
  const alarms = () =>
    bed
      .log()
      .split('\n')
      .filter((line) => line.includes('"context":"Integrity'));

  /** A process that has read nothing yet. @param stale what its first read of tokens returns; without, what is stored */
  async function startCold(stale?: readonly Record<string, unknown>[]) {
    await bed.restart();
    const database = bed.app.get(Database);
    const prepared = database.prepared.bind(database);
    let left = stale;
    jest.spyOn(database, 'isDistributed').mockReturnValue(true);
    jest.spyOn(database, 'prepared').mockImplementation((async (
      name: string,
      ...rest: [string, unknown[]]
    ) => {
      const rows = await prepared(name, ...rest);
      if (name !== 'tokens of a user' || !left) return rows;
      const first = left;
      left = undefined;
      return first;
    }) as typeof database.prepared);
  }

  test('answers with the token that is stored', async () => {
    const first = await bed.api.token('alice');
    await startCold();
    const again = await bed.api.token('alice');
    expect(again).toMatchObject({ status: 200, body: { access_token: first.body['access_token'] } });
    expect(bed.google.control.count('token')).toBe(1);
    expect(alarms()).toEqual([]);
  });

  test('reads again where the grant changed between its two statements, without an alarm', async () => {
    const former = await tokenRows();
    await connect();
    const now = await bed.api.token('alice');
    await startCold(former);
    const again = await bed.api.token('alice');
    expect(again).toMatchObject({ status: 200, body: { access_token: now.body['access_token'] } });
    expect(alarms()).toEqual([]);
  });

  test('reports a token that was put there', async () => {
    const former = await tokenRows();
    await connect();
    const [sealed] = former.map(({ row }) => String((row as Record<string, unknown>)['sealed_token']));
    await bed.sql(`UPDATE access_tokens SET sealed_token = '${sealed ?? ''}'`);
    await startCold();
    await bed.api.token('alice');
    expect(alarms()).toHaveLength(1);
    expect(alarms()[0]).toContain('access_token');
  });
});
