/** Each test file that uses a database runs on a cluster, or says why not. */
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from '@jest/globals';

const { databaseFiles } = (await import(resolve('test/support/database-files.mjs'))) as {
  databaseFiles: () => string[];
};
const { EXCLUDED, needsProxies, testsOnCitus } = (await import(resolve('test/support/citus-files.mjs'))) as {
  EXCLUDED: Readonly<Record<string, readonly string[]>>;
  needsProxies: (path: string) => boolean;
  testsOnCitus: () => string[];
};

const excluded = Object.values(EXCLUDED).flat();

test('each test file that uses a database runs on a cluster, or is left out for a reason that is said, and not both', () => {
  expect([...testsOnCitus(), ...excluded].toSorted()).toEqual(databaseFiles());
  expect(Object.keys(EXCLUDED).filter((reason) => reason.length < 20)).toEqual([]);
});

test('files that use a database are found by what they import, too', () => {
  const files = databaseFiles();
  expect(files).toEqual(
    expect.arrayContaining([
      // By the test bed, by the bed of libraries, by a fleet behind proxies, on the servers of the cluster, with servers of its own, in trial
      // mode.
      'test/tokens/get-access-token.test.ts',
      'test/libraries/go.test.ts',
      'test/database/cluster.test.ts',
      'test/database/cluster-nodes.test.ts',
      'test/database/failover.test.ts',
      'test/trial/trial-mode.test.ts',
    ]),
  );
  expect(files).not.toContain('test/codebase/citus-files.test.ts');
});

test('each file that says that a run on a cluster is what runs it, is in that run', () => {
  const said = readdirSync('test/database')
    .map((name) => `test/database/${name}`)
    .filter((path) => /Run by `npm run\s[ *]*test:citus`/.test(readFileSync(path, 'utf8')));
  expect(said).toContain('test/database/cluster-nodes.test.ts');
  expect(testsOnCitus()).toEqual(expect.arrayContaining(said));
});

test('those that need proxies on the same machine as the cluster are known by their fleet', () => {
  expect(testsOnCitus().filter(needsProxies)).toEqual(
    expect.arrayContaining(
      ['cluster-workers', 'cluster-silence', 'cluster'].map((name) => `test/database/${name}.test.ts`),
    ),
  );
});
