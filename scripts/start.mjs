// `npm start`: in production the broker alone; otherwise whatever is not configured is filled in for trying.
// Settings may stand in a .env file beside package.json. What the environment says already wins.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

process.chdir(join(import.meta.dirname, '..'));
if (existsSync('.env')) process.loadEnvFile();
if (process.env.NODE_ENV === 'production') await import('../dist/src/main.js');
else await import('../dist/sandbox/trying/start.js');
