// npm run test:citus -- --url postgresql://postgres@coordinator/database [--all | file ...]: the tests of the broker's flows on a
// cluster that is there. docs/scaling.md says how to make one, and which tests differ there.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

/** Every flow that reads or writes what is spread. */
const FLOWS = [
  'get-access-token',
  'grants',
  'callback',
  'slots',
  'revocations',
  'security-events',
  'service-accounts',
  'ads',
  'grant-import',
  'webhooks',
  'audit',
  'audit-export',
  'offboard',
  'my-grants',
  'shared-statements',
  'console/overview',
  'cli/keys',
];

const { values, positionals } = parseArgs({ options: { url: { type: 'string' } }, allowPositionals: true });
if (!values.url) {
  process.stderr.write(
    'Give the URL of a database at the coordinator, which has citus and its servers, with --url.\n',
  );
  process.exit(64);
}
const files = positionals.length > 0 ? positionals : FLOWS.map((name) => `test/${name}.test.ts`);
const { status } = spawnSync(process.execPath, ['node_modules/jest/bin/jest.js', '-w', '2', ...files], {
  stdio: 'inherit',
  env: { ...process.env, TEST_CITUS_URL: values.url },
});
process.exit(status ?? 1);
