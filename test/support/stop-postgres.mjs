import { rmSync } from 'node:fs';
import { stopCitus } from './start-citus.mjs';

export default async function stop() {
  // Of a cluster that was there before, nothing is stopped.
  if (globalThis.testCitus) await stopCitus(globalThis.testCitus);
  await globalThis.testPostgres?.stop();
  // A process of a test that failed may still write there.
  rmSync(globalThis.testFolder, { recursive: true, force: true, maxRetries: 5 });
}
