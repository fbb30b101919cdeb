// `npm run start:dev`: `npm start`, built and restarted whenever a source file changes. When a build fails, the process
// of before goes on.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { join } from 'node:path';
import { clearTimeout, setInterval, setTimeout } from 'node:timers';

process.chdir(join(import.meta.dirname, '..'));
// An editor that saves several files, or a branch that is checked out, causes one restart.
const QUIET_MS = 300;

let broker = start();
let timer = null;
let isRestarting = false;
for (const folder of ['src', 'sandbox', 'prisma']) watch(folder, { recursive: true }, schedule);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);
// A SIGTERM to npm ends the shell in between, and not this process.
const shell = process.ppid;
setInterval(() => {
  if (process.ppid !== shell) end();
}, 500);

function end() {
  void stop().then(() => process.exit(0));
}

function schedule() {
  clearTimeout(timer);
  timer = setTimeout(() => void restart(), QUIET_MS);
}

async function restart() {
  if (isRestarting) return schedule();
  isRestarting = true;
  // Builds what changed, if anything did.
  const { status } = spawnSync(process.execPath, ['scripts/setup.mjs'], { stdio: 'inherit' });
  if (status === 0) {
    await stop();
    broker = start();
  }
  isRestarting = false;
}

function start() {
  return spawn(process.execPath, ['scripts/start.mjs'], { stdio: 'inherit' });
}

async function stop() {
  if (broker.exitCode !== null || broker.signalCode !== null) return;
  broker.kill('SIGTERM');
  await once(broker, 'exit');
}
