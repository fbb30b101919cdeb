/**
 * `npm start` outside production: fills in what is not configured (database, key ring, Google, addresses), and starts the
 * broker in this process with a sample app beside it. Configured settings stay.
 * Owns the order of start and stop, and what the terminal shows. Does not own the broker (src/), the stand-in for Google
 * (sandbox/google) or the sample app (sandbox/sample-app).
 */
import 'reflect-metadata';
import { startBroker } from '../../src/bootstrap.js';
import { ConfigurationError, loadEnvFile } from '../../src/config/configuration-files.js';
import { readConfiguration } from '../../src/config/read-configuration.js';
import { tracing } from '../../src/tracing/tracing.js';
import { startSampleApp } from '../sample-app/sample-app.js';
import { banner } from './banner.js';
import { DataFolder, dataFolderPath } from './data-folder.js';
import { systemCode, TrialFault } from './fault.js';
import { fillIn } from './fill-in.js';
import { migrateDatabase } from './migrate-database.js';
import { assertFreePort, readPorts } from './ports.js';
import { findRunning, removeRunning, writeRunning } from './running.js';
import { sampleAppKey } from './sample-app-key.js';

const STOP_TIMEOUT_MS = 10_000;
const PARENT_CHECK_MS = 200;

const running = new AsyncDisposableStack();
try {
  loadEnvFile();
  await start(process.env);
} catch (error) {
  await running.disposeAsync();
  end(error);
}

async function start(env: NodeJS.ProcessEnv): Promise<void> {
  const ports = readPorts(env);
  const folder = DataFolder.open(env);
  const other = await findRunning(dataFolderPath(env));
  if (other) {
    throw new TrialFault(
      `The trial mode runs already: open ${other.sampleAppUrl}, or stop it (process ${other.pid}) and start again.`,
    );
  }
  await assertFreePort('PORT', ports.PORT);
  await assertFreePort('SAMPLE_APP_PORT', ports.SAMPLE_APP_PORT);

  const sampleAppUrl = `http://localhost:${ports.SAMPLE_APP_PORT}`;
  const { environment, parts, databaseEnded } = await fillIn(env, ports, folder, sampleAppUrl, running);
  const settings = readConfiguration(environment);
  await migrateDatabase((settings.databaseDirectUrl ?? settings.databaseUrl).reveal());
  const broker = await startBroker(settings);
  running.defer(() => tracing()?.stop());
  running.defer(() => broker.close());
  const sampleApp = await startSampleApp({
    port: ports.SAMPLE_APP_PORT,
    url: sampleAppUrl,
    brokerUrl: settings.publicUrl,
    serviceKey: await sampleAppKey(broker, folder),
    standInUrl: settings.googleStandInUrl,
  });
  running.defer(() => sampleApp.close());
  writeRunning(folder, { pid: process.pid, brokerUrl: await broker.getUrl(), sampleAppUrl, environment });
  running.defer(() => {
    removeRunning(folder);
  });

  stopOnSignals();
  void databaseEnded.then(() => {
    stop(
      1,
      `The database ended by itself. Start again; if that does not help, remove ${folder.shown} to start over.`,
    );
  });
  process.stdout.write(banner(sampleAppUrl, parts, folder.shown));
}

function stopOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      stop(0);
    });
  }
  // A SIGTERM to npm ends the shell in between, and not this process.
  const shell = process.ppid;
  if (process.env['npm_lifecycle_event'] !== undefined) {
    setInterval(() => {
      if (process.ppid !== shell) stop(0);
    }, PARENT_CHECK_MS).unref();
  }
}

/** Once: npm forwards the Ctrl-C that the terminal has sent already. */
function stop(code: number, why?: string): void {
  if (running.disposed) return;
  if (why !== undefined) process.stderr.write(`${why}\n`);
  setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref();
  void running.disposeAsync().then(() => process.exit(code));
}

function end(error: unknown): never {
  if (error instanceof TrialFault) {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
  if (error instanceof ConfigurationError) {
    process.stderr.write(`${error.message}\nSee docs/configuration.md for every setting.\n`);
    process.exit(78); // EX_CONFIG of sysexits.h
  }
  if (systemCode(error) === 'EADDRINUSE') {
    const { port } = error as { port?: number };
    process.stderr.write(`Port ${port ?? ''} is in use. Stop what runs there, or choose another port.\n`);
    process.exit(1);
  }
  throw error;
}
