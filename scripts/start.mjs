// `npm start`: in production the broker alone; otherwise whatever is not configured is filled in for trying.
import module from 'node:module';
import { join } from 'node:path';

process.chdir(join(import.meta.dirname, '..'));
try {
  // NODE_ENV may stand there.
  process.loadEnvFile();
} catch {
  // Missing, or faulty: what we start reads it again, and says so.
}
if (process.env.NODE_ENV === 'production') {
  await import('../dist/bundle/main.js');
} else {
  // Saves a quarter of a second from the second start on.
  module.enableCompileCache?.(join('node_modules', '.token-broker', 'compiled'));
  await import('../dist/sandbox/trying/start.js');
}
