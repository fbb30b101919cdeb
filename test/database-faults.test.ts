import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ALICE, startWorld, YOUTUBE, type World } from './support/world.js';
import { query } from './cli/token-broker.js';

interface Ready {
  readonly status: number;
  readonly detail: string | undefined;
}

async function ready(world: World): Promise<Ready> {
  const answer = await fetch(`${world.url}/health/ready`);
  const body = (await answer.json()) as { detail?: string };
  return { status: answer.status, detail: body.detail };
}

async function until(look: () => Promise<boolean>): Promise<void> {
  while (!(await look())) await new Promise((resolve) => setTimeout(resolve, 50));
}

const outages = (world: World) =>
  world
    .log()
    .split('\n')
    .filter((line) => line.includes('"context":"Database"') && line.includes('"level":50'));
const recoveries = (world: World) =>
  world
    .log()
    .split('\n')
    .filter((line) => line.includes('the database serves again'));

describe('a database that takes no writes', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
    await world.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    await world.sql(`
      CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'said in any language' USING ERRCODE = TG_ARGV[0]; END $$`);
  });
  afterEach(() =>
    world.sql('DROP TRIGGER IF EXISTS fail ON authorization_requests; DROP TRIGGER IF EXISTS fail ON grants'),
  );
  afterAll(() => world.stop());

  test('read-only: 503, not ready and why, once in the log; and back', async () => {
    const url = world.ownerUrl;
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
    expect((await ready(world)).detail).toMatch(/^The database can only be read/);
    world.clock.advance(3590);
    for (let call = 0; call < 5; call++) {
      const { status, body } = await world.api.token('alice');
      expect({ status, code: body['code'] }).toEqual({ status: 503, code: 'database_unavailable' });
    }
    expect((await ready(world)).status).toBe(503);
    expect(outages(world)).toHaveLength(1);

    await query(admin, `ALTER DATABASE ${name} RESET default_transaction_read_only`);
    await cut();
    await until(async () => (await world.api.token('alice')).status === 200);
    expect((await ready(world)).status).toBe(200);
    await until(() => Promise.resolve(recoveries(world).length > 0));
    expect([outages(world).length, recoveries(world).length]).toEqual([1, 1]);
  });

  /** Of a statement past Prisma, which takes the lease, and of one through it, in a transaction. */
  async function statuses(code: string): Promise<number[]> {
    await world.sql(
      `CREATE TRIGGER fail BEFORE UPDATE ON grants FOR EACH ROW EXECUTE FUNCTION fail('${code}')`,
    );
    const [grant] = await world.sql('SELECT id FROM grants');
    const token = await world.api.token('alice');
    const gone = await world.api.delete(`/grants/${String(grant?.['id'])}`, { mode: 'local' });
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
  ])('SQLSTATE %s: 503 database_unavailable', async (code) => {
    await world.sql('TRUNCATE access_tokens');
    expect(await statuses(code)).toEqual([503, 503]);
  });

  test('a cause that is no outage stays what it is', async () => {
    expect(await statuses('22012')).toEqual([500, 500]);
  });

  test('the cause is logged once, however many fail', () => {
    expect(outages(world)).toHaveLength(2);
    expect(outages(world)[1]).toContain('53100');
  });
});
