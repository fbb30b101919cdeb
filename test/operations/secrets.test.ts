import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Browser } from '../support/api.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { visitConsent } from '../support/visit-consent.js';

/**
 * Runs everything that handles a secret, at the most verbose log level, with failures in between, and then looks
 * for every secret that crossed the wire in the log, in every answer but the one that may hold it, and in a dump of
 * the whole database.
 */
let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed({ LOG_LEVEL: 'trace' });
});
afterAll(() => bed.stop());

test('no token, code, verifier, key or secret is ever logged, answered or stored unsealed', async () => {
  const responses: string[] = [];
  const browser = new Browser();
  const url = await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE });
  const consent = await browser.begin(url);
  const cookies = [...browser.cookies.values()];
  const back = await visitConsent(consent, { account: ALICE.email });
  responses.push((await browser.open(back)).text, (await browser.open(back)).text);

  const token = await bed.api.token('alice');
  bed.clock.advance(3600);
  for (const named of ['internal_failure', 'invalid_client_secret', 'user_rate_limit_html']) {
    bed.google.control.failNext('token', { named } as never);
    responses.push((await bed.api.token('alice')).text);
    await bed.afterBackoff();
  }
  bed.google.control.failNext('token', { drop: true });
  responses.push((await bed.api.token('alice')).text);
  await bed.afterBackoff();
  const refreshed = await bed.api.token('alice');

  // Echoes of a request in an answer, as a proxy in between might make them.
  const second = await browser.begin(await bed.api.connectUrl({ user_id: 'bob', scope: YOUTUBE }));
  const secondBack = await visitConsent(second, { account: ALICE.email });
  bed.google.control.failNext('token', {
    status: 400,
    body: { error: 'invalid_grant', error_description: 'Bad Request' },
  });
  responses.push((await browser.open(secondBack)).text);

  // The database is gone under a request.
  await bed.sql('ALTER TABLE access_tokens RENAME TO gone');
  await bed.restart();
  const broken = await bed.api.token('alice');
  expect(broken.status).toBe(503);
  expect(broken.body).toMatchObject({ code: 'database_unavailable', request_id: expect.any(String) });
  responses.push(broken.text);
  await bed.sql('ALTER TABLE gone RENAME TO access_tokens');

  const log = bed.log();
  const dump = await dumpOf(bed);
  expect(log).toContain('/tokens/alice');
  expect(log).toContain(String(broken.body['request_id']));
  expect(dump).toContain(ALICE.sub);

  const secrets = [
    ...bed.google.control.secrets(),
    ...cookies,
    bed.api.key,
    consent.searchParams.get('state'),
    consent.searchParams.get('nonce'),
    back.searchParams.get('code'),
    new URL(url).searchParams.get('ticket'),
    token.body['access_token'],
    refreshed.body['access_token'],
    new URL(bed.settings['DATABASE_URL'] ?? '').password,
    // A server may ask for no password.
  ].filter((secret): secret is string => typeof secret === 'string' && secret !== '');
  // Code, verifier, access and refresh tokens, id_tokens, client secrets, and what the broker itself made.
  expect(new Set(secrets).size).toBeGreaterThan(15);

  for (const secret of new Set(secrets)) {
    expect({ where: 'the log', found: log.includes(secret) ? secret : null }).toEqual({
      where: 'the log',
      found: null,
    });
    for (const form of formsOf(secret)) {
      expect({ where: 'the database', found: dump.includes(form) ? form : null }).toEqual({
        where: 'the database',
        found: null,
      });
    }
    for (const response of responses) expect(response.includes(secret) ? secret : null).toBeNull();
  }
});

/** A secret could hide in a bytea column, or with its URL encoding. */
function formsOf(secret: string): string[] {
  return [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('hex'),
    Buffer.from(secret).toString('base64'),
  ];
}

async function dumpOf({ sql }: TestBed): Promise<string> {
  const tables = await sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'");
  const rows = await Promise.all(
    tables.map(({ table_name }) => sql(`SELECT t::text AS row FROM "${String(table_name)}" t`)),
  );
  return rows
    .flat()
    .map(({ row }) => String(row))
    .join('\n');
}
