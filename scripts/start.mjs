// `npm start`: in production the broker alone; otherwise whatever is not configured is filled in for trying.
import module from 'node:module';
import { join } from 'node:path';

process.chdir(join(import.meta.dirname, '..'));
// SIGUSR1 opens Node's inspector, and with it everything in memory to whoever reaches its port. A listener keeps it shut.
process.on('SIGUSR1', () => undefined);
try {
  // NODE_ENV may be set there.
  const { loadEnvFile } = await import('../dist/src/config/load-env-file.js');
  loadEnvFile();
} catch {
  // Missing, or faulty: what is started reads it again, and says so.
}
if (process.env.NODE_ENV === 'production') {
  await import('../dist/bundle/main.js');
} else {
  // Saves a quarter of a second from the second start on.
  module.enableCompileCache?.(join('node_modules', '.token-broker', 'compiled'));
  await import('../dist/sandbox/trying/start.js');
}
