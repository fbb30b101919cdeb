// `npm start`: in production the broker alone; otherwise the trial mode, which fills in what is not configured.
import module from 'node:module';
import { join } from 'node:path';

process.chdir(join(import.meta.dirname, '..'));
// SIGUSR1 opens Node's inspector, whose port exposes everything in memory. A listener prevents that.
process.on('SIGUSR1', () => undefined);
try {
  // NODE_ENV may be set there.
  const { loadEnvFile } = await import('../dist/src/config/configuration-files.js');
  loadEnvFile();
} catch {
  // Missing or faulty: the process that is started reads it again, and reports it.
}
if (process.env.NODE_ENV === 'production') {
  await import('../dist/bundle/main.js');
} else {
  // Saves a quarter of a second from the second start on.
  module.enableCompileCache?.(join('node_modules', '.token-broker', 'compiled'));
  await import('../dist/sandbox/trial/start.js');
}
