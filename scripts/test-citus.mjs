// npm run test:citus -- --url postgresql://postgres@coordinator/database [file ...]: the tests of the broker on a cluster that is there; it
// drops and makes databases there. test/support/citus-files.mjs says which, and docs/citus.md how to make a cluster.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { ALONE, needsProxies, testsOnCitus } from '../test/support/citus-files.mjs';

const { values, positionals } = parseArgs({ options: { url: { type: 'string' } }, allowPositionals: true });
if (!values.url) {
  process.stderr.write(
    'Give the URL of a database at the coordinator, which has citus and its servers, with --url.\n',
  );
  process.exit(64);
}
const asked = positionals.length > 0 ? positionals : testsOnCitus();
const client = new pg.Client({ connectionString: values.url });
await client.connect();
// Held to the end: another run would drop what this one made.
const { rows: locks } = await client.query(
  `SELECT pg_try_advisory_lock(hashtextextended('npm run test:citus', 0)) AS "isTaken"`,
);
if (!locks[0].isTaken) {
  process.stderr.write('Another run uses this cluster. Wait for its end, or name another cluster.\n');
  process.exit(75);
}
const left = (await isOnThisMachine()) ? [] : asked.filter(needsProxies);
if (left.length > 0)
  process.stderr.write(
    `Left out, since the servers of this cluster would have to reach proxies on this machine: ${left.join(', ')}\n`,
  );
const files = asked.filter((file) => !left.includes(file));
const isAlone = (file) => ALONE.includes(file);
const runs = [files.filter((file) => !isAlone(file)), ...files.filter(isAlone).map((file) => [file])];
const failed = runs
  .filter((some) => some.length > 0)
  .map(run)
  .find((status) => status !== 0);
process.exit(failed ?? 0);

function run(some) {
  const { status } = spawnSync(process.execPath, ['node_modules/jest/bin/jest.js', '-w', '2', ...some], {
    stdio: 'inherit',
    env: { ...process.env, TEST_CITUS_URL: values.url },
  });
  return status ?? 1;
}

async function isOnThisMachine() {
  const { rows } = await client.query('SELECT nodename AS host FROM pg_dist_node');
  return rows.every(({ host }) => /^(localhost|127\..*|::1)$/.test(host));
}
