import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Metrics } from '../../src/operations/metrics.js';
import { Sealer } from '../../src/sealing/sealer.js';
import { Database } from '../../src/token-store/client/database.js';
import { fromRow } from '../../src/token-store/grants/grant-row.js';
import { SlotBookings } from '../../src/token-store/grants/slot-bookings.js';
import type {
  AccessToken,
  Grant as GrantRow,
  RefreshToken,
} from '../../src/token-store/prisma-client/client.js';
import { accessTokenAad, credentialAad } from '../../src/token-store/sealed/aad.js';
import { isCluster } from '../support/cluster.js';
import { linesOf, valueOf } from '../support/metric-lines.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

/**
 * The life of grants as a machine: random steps, several at once, on a real broker, database and stand-in. After each
 * round the invariants must hold, whatever order things happened in.
 */
let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
});
afterAll(() => bed.stop());

/** How many tokens came from the response cache, of brokers that have ended. */
let warmBefore = 0;
async function warmTokens(): Promise<number> {
  // Not over HTTP, where an answer may be a second old.
  const lines = linesOf(await bed.app.get(Metrics).registry.metrics());
  const labels = { route: '/tokens/:userId', code: 'ok', source: 'memory' };
  return valueOf(lines, 'http_request_duration_seconds_count', labels) ?? 0;
}

const ACCOUNTS = { alice: ALICE, bob: BOB };
type User = keyof typeof ACCOUNTS;

/** What can happen. `user` may be one without any grant. */
const STEPS = {
  connect: async (user: User) => {
    // Asked for one more account, Google is always gone to, and gives a refresh token only where it must.
    const ticket = { user_id: user, scope: YOUTUBE, another_account: true };
    await bed.api.connect(ticket, { account: ACCOUNTS[user].email });
  },
  // Twice: the second one can be warm.
  token: async (user: User) => {
    await bed.api.token(user);
    await bed.api.token(user);
  },
  warm: async (user: User) => {
    await Promise.all([1, 2, 3].map(() => bed.api.token(user, { min_ttl: '1' })));
  },
  refresh: async (user: User) => {
    await bed.api.token(user, { min_ttl: '3000' });
  },
  refuse: async (user: User) => {
    bed.google.control.revokeByUser(ACCOUNTS[user].sub, 'project-a');
    await bed.api.token(user, { min_ttl: '3000' });
  },
  disconnect: async (user: User) => {
    const { body } = await bed.api.get(`/users/${user}/grants`);
    for (const { id } of body['grants'] as { id: string }[])
      await bed.api.delete(`/grants/${id}`, { mode: 'local' });
  },
  event: async (user: User) => {
    const subject = { subject_type: 'iss-sub', iss: bed.google.url, sub: ACCOUNTS[user].sub };
    const to = `${bed.url}/security-events/google`;
    await bed.google.control.sendSecurityEvent({ type: 'tokens-revoked', subject, to });
  },
  outage: async (user: User) => {
    bed.google.control.failNext('token', { drop: true });
    await bed.api.token(user, { min_ttl: '3000' });
  },
};

interface Step {
  readonly kind: keyof typeof STEPS;
  readonly user: User;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...(Object.keys(STEPS) as (keyof typeof STEPS)[])),
  user: fc.constantFrom<User>('alice', 'alice', 'bob'),
});
/** Steps of one round happen at once. */
const round = fc.oneof(
  { weight: 9, arbitrary: fc.array(step, { minLength: 1, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constant('restart' as const) },
);

interface Row extends GrantRow {
  readonly accessTokens: readonly AccessToken[];
  readonly current: readonly RefreshToken[];
}

async function rows(): Promise<Row[]> {
  const database = bed.app.get(Database);
  const found = await database.grant.findMany({ include: { accessTokens: true } });
  const current = await database.refreshToken.findMany({ where: { current: true } });
  return found.map((row) => ({ ...row, current: current.filter(({ grantId }) => grantId === row.id) }));
}

async function checkLaws(before: readonly Row[]): Promise<Row[]> {
  const sealer = bed.app.get(Sealer);
  const after = await rows();
  for (const row of after) {
    const old = before.find(({ id }) => id === row.id);
    // Versions and refreshes only grow.
    expect(row.version).toBeGreaterThanOrEqual(old?.version ?? 1);
    expect(row.refreshes).toBeGreaterThanOrEqual(old?.refreshes ?? 0);
    if (row.status === 'active') {
      // No refresh token is lost: what is stored opens, and is the one that the ledger calls current.
      const grant = fromRow(row);
      const version = row.credentialVersion ?? 0;
      const stored = await sealer.open(row.sealedRefreshToken ?? '', credentialAad(grant, version));
      const hex = (bytes: Uint8Array | null) => Buffer.from(bytes ?? []).toString('hex');
      expect(row.current.map(({ fingerprint, mac }) => [hex(fingerprint), hex(mac)])).toEqual([
        [
          hex(sealer.fingerprint(stored, 'refresh-token')),
          hex(bed.app.get(SlotBookings).macOf(grant, version, stored)),
        ],
      ]);
      // Every change of a grant ended the access tokens of before.
      for (const { scopeSet, sealedToken, ...times } of row.accessTokens) {
        await sealer.open(sealedToken, accessTokenAad(grant, version, scopeSet, times));
      }
    } else {
      // Nothing of a dead grant is left to hand out.
      expect([row.sealedRefreshToken, row.credentialVersion, row.accessTokens]).toEqual([null, null, []]);
      for (const { mac } of row.current) expect(mac).toBeNull();
      expect(row.current.length).toBeLessThanOrEqual(1);
    }
  }
  for (const user of ['alice', 'bob'] as const) {
    const isActive = after.some((row) => row.userId === user && row.status === 'active');
    // The second one comes from the response cache, unless something changed meanwhile.
    for (let call = 1; call <= 2; call++) {
      const { status } = await bed.api.token(user, { min_ttl: '1' });
      if (isActive) expect([200, 410, 503]).toContain(status);
      else expect([404, 410]).toContain(status);
    }
  }
  return rows();
}

test(
  'the invariants hold after any sequence of events, at once or one after the other',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(round, { minLength: 3, maxLength: 10 }), async (rounds) => {
        bed.google.control.reset();
        await bed.reset();
        let known: Row[] = [];
        for (const steps of rounds) {
          if (steps === 'restart') {
            warmBefore += await warmTokens();
            await bed.restart();
          } else {
            // Long enough for every token to be refreshed, and for no grant to be in backoff.
            bed.clock.advance(700);
            await bed.afterBackoff();
            await Promise.all(steps.map(({ kind, user }) => STEPS[kind](user)));
          }
          known = await checkLaws(known);
        }
      }),
      { numRuns: 12, endOnFailure: true },
    );
    // Else nothing was said about the warm path.
    expect(warmBefore + (await warmTokens())).toBeGreaterThan(0);
  },
  isCluster ? 240_000 : 60_000,
);
