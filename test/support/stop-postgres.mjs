import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { stopCitus } from './start-citus.mjs';

export default async function stop() {
  // Of a cluster that was there before, nothing is stopped.
  if (globalThis.testCitus) await stopCitus(globalThis.testCitus);
  if (!globalThis.testPostgres) return;
  const { postgres, folder } = globalThis.testPostgres;
  await postgres.stop();
  rmSync(dirname(folder), { recursive: true, force: true });
}
