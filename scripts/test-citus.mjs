// npm run test:citus -- --url postgresql://postgres@coordinator/database [file ...]: the tests of the broker's flows on a cluster
// that is there; it drops and makes databases there. docs/citus.md says which, and how to make a cluster.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

/**
 * Tests of the distributed tables. Excluded: tests that change rows or triggers in ways that Citus refuses, and tests of what only one
 * server has, such as standbys and poolers.
 */
const FLOWS = [
  'tokens/get-access-token',
  'grants/grants',
  'connect/callback',
  'grants/slots',
  'grants/revocations',
  'grants/revocation-replicas',
  'tokens/replicas',
  'tokens/refused-tokens',
  'security-events/security-events',
  'grants/service-accounts',
  'tokens/delegated-credentials',
  'google/ads',
  'grants/import',
  'grants/grant-machine',
  'webhooks/webhooks',
  'webhooks/several-webhooks',
  'audit/audit',
  'audit/export',
  'grants/offboard',
  'grants/my-grants',
  'tokens/shared-statements',
  'connect/connect-and-get-token',
  'connect/causes',
  'connect/tickets',
  'connect/consented-scopes',
  'connect/held-grant',
  'connect/confirm',
  'grants/diagnosis',
  'database/equality',
  'connect/faces',
  'tokens/cold-path',
  'tokens/warm-path',
  'tokens/token-endpoint',
  'http/connections',
  'http/limits',
  'http/user-ids',
  'http/bad-input',
  'google/odd-responses',
  'operations/clocks',
  'operations/readiness',
  'console/overview',
  'console/users',
  'console/services',
  'console/webhooks',
  'cli/apply',
  'cli/grant-import',
  'cli/keys',
  'cli/operator',
  'cli/risc',
  'database/cluster-commits',
  'database/cluster-migrations',
];
/**
 * After the others, and each alone: they cut off servers, kill them, and move rows logically, which waits for the transactions of all
 * databases of a server.
 */
const ALONE = [
  'test/database/cluster-workers.test.ts',
  'test/database/cluster-silence.test.ts',
  'test/database/cluster.test.ts',
];

const { values, positionals } = parseArgs({ options: { url: { type: 'string' } }, allowPositionals: true });
if (!values.url) {
  process.stderr.write(
    'Give the URL of a database at the coordinator, which has citus and its servers, with --url.\n',
  );
  process.exit(64);
}
const files =
  positionals.length > 0 ? positionals : [...FLOWS.map((name) => `test/${name}.test.ts`), ...ALONE];
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
