import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { query } from '../cli/token-broker.js';
import { isCluster, testOfOneServer } from '../support/cluster.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

interface Ready {
  readonly status: number;
  readonly detail: string | undefined;
}

async function ready(bed: TestBed): Promise<Ready> {
  const response = await fetch(`${bed.url}/health/ready`);
  const body = (await response.json()) as { detail?: string };
  return { status: response.status, detail: body.detail };
}

const outages = (bed: TestBed) =>
  bed
    .log()
    .split('\n')
    .filter((line) => line.includes('"context":"Database"') && line.includes('"level":"error"'));
/** Of sessions that a test itself terminates. */
const isOfCut = (line: string) => line.includes('terminating connection due to administrator command');
const recoveries = (bed: TestBed) =>
  bed
    .log()
    .split('\n')
    .filter((line) => line.includes('the database serves again'));

describe('a database that takes no writes', () => {
  let bed: TestBed;
  let before = 0;
  beforeAll(async () => {
    bed = await startTestBed();
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    await bed.sql(`
      CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'said in any language' USING ERRCODE = TG_ARGV[0]; END $$`);
  });
  afterEach(async () => {
    for (const table of ['authorization_requests', 'grants'])
      await bed.sql(`DROP TRIGGER IF EXISTS fail ON ${table}`);
  });
  afterAll(() => bed.stop());

  // Of several servers, the workers still take writes where the coordinator does not.
  testOfOneServer(
    'that is read-only gives 503, is not ready with the reason logged once, and recovers',
    async () => {
      const url = bed.ownerUrl;
      const name = new URL(url).pathname.slice(1);
      const admin = url.replace(name, 'postgres');
      const cut = () =>
        query(
          admin,
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = '${name}' AND application_name = 'token-broker'`,
        );
      await query(admin, `ALTER DATABASE ${name} SET default_transaction_read_only = on`);
      await cut();
      // The first check may take a connection whose session has just been terminated, and reports that.
      await until(async () => /^The database can only be read/.test((await ready(bed)).detail ?? ''));
      // One that expires before min_ttl is better than none, as where Google is away.
      bed.clock.advance(3590);
      expect((await bed.api.token('alice')).status).toBe(200);
      bed.clock.advance(10);
      for (let call = 0; call < 5; call++) {
        const { status, body } = await bed.api.token('alice');
        expect({ status, code: body['code'] }).toEqual({ status: 503, code: 'database_unavailable' });
      }
      expect((await ready(bed)).status).toBe(503);
      // Its cause is what the broker met first: the read-only database, or a session that was terminated.
      expect(outages(bed)).toHaveLength(1);

      await query(admin, `ALTER DATABASE ${name} RESET default_transaction_read_only`);
      await cut();
      await until(async () => (await bed.api.token('alice')).status === 200);
      await until(async () => (await ready(bed)).status === 200);
      // Half a minute where the check, once a second, did not see the outage.
      await until(() => recoveries(bed).length > 0, 60_000);
      expect(
        outages(bed)
          .slice(1)
          .filter((line) => !isOfCut(line)),
      ).toEqual([]);
      before = outages(bed).length;
    },
  );

  /** Of a statement past Prisma, which takes the lease, and of one through it, in a transaction. */
  async function statuses(code: string): Promise<number[]> {
    await bed.sql(
      `CREATE TRIGGER fail BEFORE UPDATE ON grants FOR EACH ROW EXECUTE FUNCTION fail('${code}')`,
    );
    const [grant] = await bed.sql('SELECT id FROM grants');
    const token = await bed.api.token('alice');
    const gone = await bed.api.delete(`/grants/${String(grant?.['id'])}`, { mode: 'local' });
    return [token.status, gone.status];
  }

  test.each([
    '53100',
    '25006',
    '25P03',
    '40001',
    '40P01',
    '57014',
    '58030',
    'XX001',
    '28P01',
    '42501',
    '55P03',
  ])('for SQLSTATE %s gives 503 database_unavailable', async (code) => {
    await bed.sql(isCluster ? 'DELETE FROM access_tokens' : 'TRUNCATE access_tokens');
    expect(await statuses(code)).toEqual([503, 503]);
  });

  test('for a cause that is no outage keeps that cause', async () => {
    expect(await statuses('22012')).toEqual([500, 500]);
  });

  test('for a commit of which a coordinator of several servers does not know whether it was done gives 503', async () => {
    await bed.sql(`
      CREATE FUNCTION doubt() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not commit transaction for shard 102032 on at least one active node'
        USING ERRCODE = 'XX000'; END $$`);
    await bed.sql(`CREATE CONSTRAINT TRIGGER doubt AFTER DELETE ON grants DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION doubt()`);
    const [grant] = await bed.sql('SELECT id FROM grants');
    const gone = await bed.api.delete(`/grants/${String(grant?.['id'])}`, { mode: 'local' });
    await bed.sql('DROP TRIGGER doubt ON grants');
    expect([gone.status, gone.body['code']]).toEqual([503, 'database_unavailable']);
  });

  test('has its cause logged once, however many calls fail', () => {
    const later = outages(bed)
      .slice(before)
      .filter((line) => !isOfCut(line));
    expect(later).toHaveLength(1);
    expect(later[0]).toContain('53100');
  });
});
