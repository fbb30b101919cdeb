// npm run test:citus -- --url postgresql://postgres@coordinator/database [file ...]: the tests of the broker's flows on a cluster
// that is there; it drops and makes databases there. docs/citus.md says which, and how to make a cluster.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

/**
 * Tests of the distributed tables. Excluded: tests that change rows or triggers in ways that Citus refuses, and tests of what only one
 * server has, such as standbys and poolers.
 */
const FLOWS = [
  'get-access-token',
  'grants',
  'callback',
  'slots',
  'revocations',
  'revocation-replicas',
  'replicas',
  'refused-tokens',
  'security-events',
  'service-accounts',
  'delegated-credentials',
  'ads',
  'grant-import',
  'grant-machine',
  'webhooks',
  'several-webhooks',
  'audit',
  'audit-export',
  'offboard',
  'my-grants',
  'shared-statements',
  'connect-and-get-token',
  'connect-causes',
  'connect-tickets',
  'consented-scopes',
  'held-grant',
  'confirm',
  'diagnosis',
  'equality',
  'faces',
  'cold-path',
  'warm-path',
  'token-endpoint',
  'connections',
  'limits',
  'user-ids',
  'bad-input',
  'google-answers',
  'clocks',
  'readiness',
  'console/overview',
  'console/users',
  'console/services',
  'console/webhooks',
  'cli/apply',
  'cli/grant-import',
  'cli/keys',
  'cli/operator',
  'cli/risc',
  'cluster-commits',
  'cluster-migrations',
];
/** Cuts off servers, and kills them: after the others, and alone. */
const ALONE = 'test/cluster.test.ts';

const { values, positionals } = parseArgs({ options: { url: { type: 'string' } }, allowPositionals: true });
if (!values.url) {
  process.stderr.write(
    'Give the URL of a database at the coordinator, which has citus and its servers, with --url.\n',
  );
  process.exit(64);
}
const files = positionals.length > 0 ? positionals : [...FLOWS.map((name) => `test/${name}.test.ts`), ALONE];
const runs = [files.filter((file) => file !== ALONE), files.filter((file) => file === ALONE)];
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
