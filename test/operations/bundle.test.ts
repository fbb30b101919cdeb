import pg from 'pg';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@jest/globals';
import { startFleet } from '../../sandbox/fleet/fleet.js';
import { seedGrants, seedService } from '../../sandbox/fleet/seed.js';
import { inEachForm } from '../support/cluster.js';
import { createDatabase } from '../support/test-bed.js';

const MAX_BYTES = 5_500_000;

/** A broker that runs these lines before its own. */
async function startWith(lines: string) {
  const databaseUrl = await createDatabase();
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  const fleet = await startFleet(databaseUrl, 1, {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(lines)}`,
  });
  const stop = async () => {
    await fleet.stop();
    await database.end();
  };
  return { fleet, database, stop };
}

test('the broker reads its bundle and no package a second time, and its classes have their names', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-bundle-'));
  const list = join(folder, 'read');
  const listing = `
    import { appendFileSync } from 'node:fs';
    import { registerHooks } from 'node:module';
    registerHooks({
      load(url, context, next) {
        if (url.startsWith('file:')) appendFileSync(${JSON.stringify(list)}, url + '\\n');
        return next(url, context);
      },
    });`;
  const { fleet, database, stop } = await startWith(listing);
  try {
    const url = fleet.replicas[0]?.url ?? '';
    const headers = {
      authorization: `Bearer ${await seedService(fleet, database)}`,
      'content-type': 'application/json',
    };
    // One call of each kind that loads something late: validation of a body and of a query, the database, Swagger.
    const body = JSON.stringify({ user_id: 1 });
    expect((await fetch(`${url}/connect/tickets`, { method: 'POST', headers, body })).status).toBe(400);
    expect((await fetch(`${url}/tokens/alice?min_ttl=60`, { headers })).status).toBe(404);
    const document = await (await fetch(`${url}/openapi.json`)).text();
    expect(document).toContain('"operationId":"getToken"');
    expect(document).toContain('"#/components/schemas/TokenResponse"');
    expect((await fetch(`${url}/docs/swagger-ui.css`)).status).toBe(200);
    const file = (path: string) => pathToFileURL(resolve(path)).href;
    const loaded = readFileSync(list, 'utf8').trim().split('\n');
    expect(loaded[0]).toBe(file('dist/bundle/main.js'));
    expect(loaded.filter((url) => !url.startsWith(file('dist/bundle/')))).toEqual([
      file('node_modules/swagger-ui-dist/absolute-path.js'),
    ]);
    // Each byte is read, compiled and kept by every process. Packages grow by what is not used of them.
    const sizes = loaded.filter((url) => url.endsWith('.js')).map((url) => statSync(new URL(url)).size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MAX_BYTES);
    // What only several workers need is loaded by their supervisor alone.
    expect(loaded).not.toContain(file('dist/bundle/supervisor.js'));
    // Nor what only traces need, which none of OpenTelemetry's variables asks for.
    expect(existsSync('dist/bundle/otlp.js')).toBe(true);
    expect(loaded).not.toContain(file('dist/bundle/otlp.js'));
  } finally {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);

test('a package that could not be loaded for one request to Google is loaded for the next', async () => {
  const faulty = `
    import { registerHooks } from 'node:module';
    let faults = 0;
    registerHooks({
      load(url, context, next) {
        if (/\\/undici[^/]*\\.js$/.test(url) && faults++ === 0) throw new Error('No such file.');
        return next(url, context);
      },
    });`;
  const { fleet, database, stop } = await startWith(faulty);
  try {
    const headers = { authorization: `Bearer ${await seedService(fleet, database)}` };
    await seedGrants(fleet, inEachForm(database), ['first', 'second'], 0);
    const statusFor = async (user: string) =>
      (await fetch(`${fleet.replicas[0]?.url ?? ''}/tokens/${user}`, { headers })).status;
    expect([await statusFor('first'), await statusFor('second')]).toEqual([503, 200]);
  } finally {
    await stop();
  }
}, 60_000);
