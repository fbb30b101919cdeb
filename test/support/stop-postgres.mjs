import { rmSync } from 'node:fs';
import { dirname } from 'node:path';

export default async function stop() {
  const { postgres, folder } = globalThis.testPostgres;
  await postgres.stop();
  rmSync(dirname(folder), { recursive: true, force: true });
}
