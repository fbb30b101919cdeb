/** Whatever the slot ledger holds, what concerns one account or one token finds its rows by an index. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { forgetStatements, sentStatements } from '../support/sent-statements.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed({ SLOT_LIMIT: '2' });
});
afterAll(() => bed.stop());

/** Of other accounts, half of them ended: enough for PostgreSQL to prefer an index. */
const OTHERS = 20_000;

const connect = (user_id: string, account: { email: string } = ALICE, scope = YOUTUBE) =>
  bed.api.connect({ user_id, scope }, { account: account.email });

const sha512 = (value: string | Buffer) => createHash('sha512').update(value).digest();

async function tokenRevoked(token_identifier_alg: string, token: string): Promise<void> {
  const subject = {
    subject_type: 'oauth_token',
    token_type: 'refresh_token',
    token_identifier_alg,
    token,
  };
  const to = `${bed.url}/security-events/google`;
  const { status } = await bed.google.control.sendSecurityEvent({ type: 'token-revoked', subject, to });
  expect(status).toBe(202);
}

test('a consent, a revocation and a security event read no ledger row of another account', async () => {
  await bed.sql(
    `INSERT INTO refresh_tokens (user_id, fingerprint, account_sub, client, grant_id, issued_at, last_used_at, ended_at, slots_taken,
       prefix_hash, sha512_hash)
     SELECT 'other ' || n, sha256(('f' || n)::bytea), 'account ' || n, 'default', gen_random_uuid(), now(), now(),
       CASE WHEN n % 2 = 0 THEN now() END, 1, sha256(('p' || n)::bytea), sha256(('s' || n)::bytea)
     FROM generate_series(1, $1::int) AS n`,
    [OTHERS],
  );
  await bed.sql('ANALYZE refresh_tokens');
  forgetStatements();
  // The third refresh token ends the first: the limit is two.
  for (const user of ['alice', 'second']) await connect(user);
  await connect('alice', ALICE, 'https://www.googleapis.com/auth/adwords');
  for (const user of ['bob', 'bob again']) await connect(user, BOB);
  const [first = '', second = ''] = bed.google.control.liveRefreshTokens(BOB.sub, 'default');
  await tokenRevoked('prefix', first.slice(0, 16));
  await tokenRevoked('hash_base64_sha512_sha512', sha512(sha512(second)).toString('base64'));
  for (const user of ['bob', 'bob again']) expect((await bed.api.token(user)).status).toBe(410);
  const { body } = await bed.api.get('/users/alice/grants');
  const [grant] = body['grants'] as { id: string }[];
  expect((await bed.api.delete(`/grants/${grant?.id}`, { mode: 'revoke' })).status).toBe(200);

  const sent = sentStatements().filter((text) => /^\s*(SELECT|UPDATE)\b[^]*\brefresh_tokens\b/.test(text));
  const kinds = ['MAX(', '"prefix_hash" =', '"sha512_hash" ='];
  expect(kinds.filter((kind) => !sent.some((text) => text.includes(kind)))).toEqual([]);
  const scans: string[] = [];
  for (const text of sent) {
    const plan = await bed.sql(`EXPLAIN (GENERIC_PLAN) ${text}`);
    if (plan.some((line) => String(line['QUERY PLAN']).includes('Seq Scan on refresh_tokens')))
      scans.push(text);
  }
  expect(scans).toEqual([]);
});
