import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Api } from '../support/api.js';
import { LocalIssuer, SigningKey } from '../support/local-issuer.js';
import { startTestBed, type TestBed } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { asJson, emptyFolder, tokenBroker } from './token-broker.js';

const ANYTHING = ['--client', '*', '--scope', '*', '--user', '*'];
const SUBJECT = 'system:serviceaccount:analytics:reports';

let issuer: LocalIssuer;
let bed: TestBed;
/** Each command is a process of its own. */
const LONG = 60_000;
const create = (name: string, ...more: string[]) => ['service', 'create', name, ...ANYTHING, ...more];

beforeAll(async () => {
  issuer = await LocalIssuer.start();
  const path = join(emptyFolder(), 'issuers.json');
  writeFileSync(path, JSON.stringify([{ issuer: issuer.url, audience: 'broker' }]));
  bed = await startTestBed({ SERVICE_ISSUERS_FILE: path });
});
afterAll(async () => {
  await bed.stop();
  await issuer.stop();
});

test(
  'create for an identity shows no key, list shows the identity, and its JWT works until revoke',
  async () => {
    const created = await tokenBroker(
      create('reports', '--issuer', issuer.url, '--subject', SUBJECT),
      bed.settings,
    );
    expect(created).toMatchObject({ code: 0, stderr: '' });
    expect(created.stdout).toContain(`for  ${SUBJECT}`);
    expect(created.stdout).not.toContain('tbk_');

    const key = await SigningKey.make('1');
    issuer.keys = [key.publicJwk];
    const exp = Math.floor(Date.now() / 1000) + 600;
    const service = new Api(bed.url, await key.sign({ iss: issuer.url, sub: SUBJECT, aud: 'broker', exp }));
    expect((await service.token('alice')).status).toBe(404);

    const list = await tokenBroker(['service', 'list', '--wide'], bed.settings);
    expect(list.stdout).toMatch(new RegExp(` reports +active .* ${SUBJECT} of ${issuer.url} `));
    const { output } = await asJson(['service', 'list'], bed.settings);
    expect(output?.['services']).toEqual([
      expect.objectContaining({ identity: null }),
      expect.objectContaining({ name: 'reports', identity: { issuer: issuer.url, subject: SUBJECT } }),
    ]);

    const taken = await asJson(create('others', '--issuer', issuer.url, '--subject', SUBJECT), bed.settings);
    expect(taken).toMatchObject({ code: 3, failure: { error: 'identity_taken' } });
    expect(taken.failure?.['message']).toContain('The service reports has this identity already');

    expect((await tokenBroker(['service', 'revoke', 'reports'], bed.settings)).code).toBe(0);
    // The notification of the commit arrives a moment after the command has ended.
    await until(async () => (await service.token('alice')).status === 401);
    const again = await asJson(create('again', '--issuer', issuer.url, '--subject', SUBJECT), bed.settings);
    expect(again.output).toMatchObject({ name: 'again', identity: { issuer: issuer.url, subject: SUBJECT } });
    expect(again.output).not.toHaveProperty('key');
  },
  LONG,
);

test.each([
  [['--issuer', 'https://other.example.com', '--subject', SUBJECT], 'issuer: is not trusted by the broker'],
  [['--issuer', 'https://other.example.com'], '--issuer and --subject go together'],
  [['--subject', SUBJECT], '--issuer and --subject go together'],
])('create refuses the wrong usage %j', async (options, fault) => {
  const { code, failure } = await asJson(create('wrong', ...options), bed.settings);
  expect(code).toBe(2);
  expect(failure?.['message']).toContain(fault);
  expect(await bed.sql(`SELECT 1 FROM services WHERE name = 'wrong'`)).toEqual([]);
});
