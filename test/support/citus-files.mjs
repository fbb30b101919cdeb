/**
 * What `npm run test:citus` runs: every test file that uses a database (database-files.mjs), but for these. docs/citus.md says what of it differs
 * there.
 */
import { existsSync, readFileSync } from 'node:fs';
import { databaseFiles } from './database-files.mjs';

/**
 * After the others, and each alone: they cut off servers, kill them, and move rows logically, which waits for the transactions of all
 * databases of a server; or have many processes and callers, and count what a busy machine answers late.
 */
export const ALONE = [
  'test/http/limits.test.ts',
  'test/tokens/replicas.test.ts',
  'test/operations/workers.test.ts',
  'test/database/cluster-nodes.test.ts',
  'test/database/cluster-workers.test.ts',
  'test/database/cluster-security-events.test.ts',
  'test/database/cluster-silence.test.ts',
  'test/database/cluster.test.ts',
];

/** By why. */
export const EXCLUDED = {
  "It starts PostgreSQL servers of its own, with replication, TLS, or settings that end the cluster's.": [
    'test/database/changes.test.ts',
    'test/database/failover.test.ts',
    'test/database/outage.test.ts',
    'test/database/tls.test.ts',
    'test/database/two-hosts.test.ts',
    'test/deploy/backup.test.ts',
    'test/deploy/standby.test.ts',
  ],
  'It tries trial mode, which brings its own PostgreSQL.': [
    'test/trial/google-ads-page.test.ts',
    'test/trial/sample-app.test.ts',
    'test/trial/start-again.test.ts',
    'test/trial/trial-mode.test.ts',
  ],
  'It is about roles, settings, locks or poolers of one server.': [
    'test/database/poolers.test.ts',
    'test/database/roles.test.ts',
    'test/database/sessions.test.ts',
    'test/cli/migrate-waits.test.ts',
  ],
  'It is about the schema of one server, or how it came to be: cluster-migrations.test.ts is its counterpart.':
    [
      'test/cli/migrate.test.ts',
      'test/database/distributed-schema.test.ts',
      'test/database/migrations.test.ts',
    ],
  'It brings a database of its own that is not distributed.': [
    'test/database/choose-host.test.ts',
    'test/deploy/release.test.ts',
    'test/deploy/two-cells.test.ts',
    'test/operations/container.test.ts',
  ],
  'It fills tables with tens of thousands of rows, one by one on a cluster, and reads the plans of one server.':
    ['test/grants/ledger-indexes.test.ts', 'test/http/lists.test.ts'],
  'It measures the memory of one process with 20,000 users, who are filled in one by one on a cluster.': [
    'test/operations/memory.test.ts',
  ],
  'It is about libraries and examples, which reach the broker by HTTP alone, and takes minutes.': [
    'test/examples/examples.test.ts',
    'test/libraries/go.test.ts',
    'test/libraries/java.test.ts',
    'test/libraries/node.test.ts',
    'test/libraries/php.test.ts',
    'test/libraries/python.test.ts',
    'test/libraries/ruby.test.ts',
  ],
};

/** Whether the cluster is reached through proxies on this machine, by its own servers too: test/support/cluster-fleet.ts. */
export const needsProxies = (path) =>
  existsSync(path) && readFileSync(path, 'utf8').includes('/support/cluster-fleet.js');

/** @returns paths from the root of the repository, those that run alone last */
export function testsOnCitus() {
  const excluded = Object.values(EXCLUDED).flat();
  const files = databaseFiles().filter((path) => !excluded.includes(path));
  return [...files.filter((path) => !ALONE.includes(path)), ...ALONE];
}
