// `npm test`: the checks (test/codebase/ includes `npm run check`) and each feature, in one run of Jest. `npm run test:all`: besides,
// what test/support/exhaustive.mjs and exhaustive.ts leave to it. With arguments, what they name. The last line is the count of the runner.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { EXHAUSTIVE } from '../test/support/exhaustive.mjs';

const args = process.argv.slice(2).filter((arg) => arg !== '--all');
const isWhole = process.argv.includes('--all') || args.length > 0;
const ignored = isWhole ? [] : EXHAUSTIVE.map((path) => `--testPathIgnorePatterns=/${path}`);

const folder = mkdtempSync(join(tmpdir(), 'token-broker-results-'));
const results = join(folder, 'results.json');
const { status } = spawnSync(
  process.execPath,
  // The workers inherit the flag: dozens of brokers leave garbage.
  [
    '--max-semi-space-size=64',
    'node_modules/jest/bin/jest.js',
    '--json',
    `--outputFile=${results}`,
    ...ignored,
    ...args,
  ],
  {
    // Jest prints the JSON on stdout as well; its report for people is on stderr.
    stdio: ['ignore', 'ignore', 'inherit'],
    // Workers, checks and brokers load the same packages, again in the next run.
    env: {
      ...process.env,
      NODE_COMPILE_CACHE: resolve('node_modules/.cache/compile'),
      // Read by test/support/exhaustive.ts.
      TEST_MAIN_FLOWS_ONLY: String(!isWhole),
    },
  },
);

let passed = 0;
let failed = 1;
try {
  const report = JSON.parse(readFileSync(results, 'utf8'));
  passed = report.numPassedTests;
  // A file that cannot even be loaded holds no test that could fail.
  failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
} catch {
  console.error('Jest wrote no results.');
}
rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = status === 0 && failed === 0 && passed > 0 ? 0 : 1;
