/** A key is added where each replica has a file of its own, which does not reach all of them at the same time. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Fleet, type Replica, startFleet } from '../../sandbox/fleet/fleet.js';
import { seedGrants, seedService } from '../../sandbox/fleet/seed.js';
import { asJson, emptyFolder } from '../cli/token-broker.js';
import { inEachForm } from '../support/cluster.js';
import { asRuntime, createDatabase } from '../support/test-bed.js';
import { until } from '../support/until.js';

interface Ring {
  readonly keys: { readonly kid: string; readonly alg: string; seals_from?: string }[];
}

let fleet: Fleet;
let database: pg.Client;
let key: string;
let first: Replica;
let second: Replica;
let rings: readonly [string, string];
beforeAll(async () => {
  const url = await createDatabase();
  database = new pg.Client({ connectionString: url });
  await database.connect();
  fleet = await startFleet(asRuntime(url), 1);
  key = await seedService(fleet, database);
  const folder = emptyFolder();
  rings = [`${folder}/first.json`, `${folder}/second.json`];
  for (const ring of rings) copyFileSync(fleet.settings['KEY_RING_FILE'] ?? '', ring);
  [first, second] = await Promise.all([
    fleet.add({ KEY_RING_FILE: rings[0] }),
    fleet.add({ KEY_RING_FILE: rings[1] }),
  ]);
}, 60_000);
afterAll(async () => {
  await fleet.stop();
  await database.end();
});

const metrics = async ({ url }: Replica) => (await fetch(`${url}/metrics`)).text();
const tokenOf = async ({ url }: Replica, user: string) =>
  (await fetch(`${url}/tokens/${user}`, { headers: { authorization: `Bearer ${key}` } })).status;
const failuresOf = async (replica: Replica) =>
  [...(await metrics(replica)).matchAll(/^token_broker_integrity_failures_total\{.*\} (\d+)$/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );
const sealingKeyOf = async (replica: Replica) =>
  /^token_broker_key_created_timestamp_seconds\{key="([^"]+)",use="seal"\}/m.exec(
    await metrics(replica),
  )?.[1];
const write = (ring: string, content: Ring) => {
  writeFileSync(ring, `${JSON.stringify(content, null, 2)}\n`);
};

test('a replica that has the new key first seals nothing that the others cannot open', async () => {
  const before = await sealingKeyOf(first);
  const { code, output } = await asJson(['keys', 'generate', '--out', rings[0], '--add']);
  const added = String(output?.['sealing_key_id']);
  expect(code).toBe(0);
  await until(async () => (await metrics(first)).includes(`key="${added}"`));
  // The first one refreshes and seals the token; the second one opens it.
  await seedGrants(fleet, inEachForm(database), ['early'], 0);
  expect(await tokenOf(first, 'early')).toBe(200);
  expect(await tokenOf(second, 'early')).toBe(200);
  expect(await failuresOf(second)).toBe(0);
  expect(await sealingKeyOf(first)).toBe(before);
  expect(Date.parse(String(output?.['seals_from'])) - Date.now()).toBeGreaterThan(9 * 60_000);

  // Its time has come, and the file is everywhere.
  const ring = JSON.parse(readFileSync(rings[0], 'utf8')) as Ring;
  const [newest] = ring.keys;
  if (newest) newest.seals_from = new Date(Date.now() - 1000).toISOString();
  for (const path of rings) write(path, ring);
  await until(async () => (await sealingKeyOf(first)) === added && (await sealingKeyOf(second)) === added);
  await seedGrants(fleet, inEachForm(database), ['late'], 0);
  expect(await tokenOf(first, 'late')).toBe(200);
  expect(await tokenOf(second, 'late')).toBe(200);
  expect(await failuresOf(second)).toBe(0);
});

test('keys reseal does not take the old key for unused, nor the new one, before the new one seals', async () => {
  const [ring] = rings;
  const content = JSON.parse(readFileSync(ring, 'utf8')) as Ring;
  const [newest, older] = content.keys;
  if (newest) newest.seals_from = new Date(Date.now() + 3_600_000).toISOString();
  const later = `${emptyFolder()}/later.json`;
  writeFileSync(later, JSON.stringify(content), { mode: 0o600 });
  const { code, output } = await asJson(['keys', 'reseal'], { ...fleet.settings, KEY_RING_FILE: later });
  expect(code).toBe(3);
  expect(output).toMatchObject({
    newest_key_id: older?.kid,
    unused_key_ids: [],
    problems: [expect.stringContaining(`The key ${newest?.kid ?? ''} seals from `)],
  });
  // Without the member, as in a ring that an older version made, a key seals at once.
  if (newest) delete newest.seals_from;
  writeFileSync(later, JSON.stringify(content));
  const done = await asJson(['keys', 'reseal'], { ...fleet.settings, KEY_RING_FILE: later });
  expect(done).toMatchObject({
    code: 0,
    output: { newest_key_id: newest?.kid, unused_key_ids: [older?.kid] },
  });
});
