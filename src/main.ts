import 'reflect-metadata';
import inspector from 'node:inspector';
import type { INestApplicationContext } from '@nestjs/common';
import { startBroker } from './bootstrap.js';
import { ConfigurationError } from './config/configuration-error.js';
import { loadEnvFile } from './config/load-env-file.js';
import { readConfiguration } from './config/read-configuration.js';
import { Readiness } from './operations/health.controller.js';

/** A database that does not answer must not hold up the end; whoever runs us kills after ten. */
const MAX_STOP_MS = 9_500;

// SIGUSR1 opens Node's inspector, and with it every secret in memory to any client that reaches its port. A listener keeps it shut.
process.on('SIGUSR1', () => undefined);

try {
  loadEnvFile();
  refuseInspector(process.env);
  const settings = readConfiguration(process.env);
  stopWhenTold(await startBroker(settings), settings.shutdownDelayMs);
  // With --expose-gc, as in the image: what only the start needed is given back at once, some 10 MB.
  void globalThis.gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' });
} catch (error) {
  const fault = error instanceof ConfigurationError ? error : listenFault(error);
  if (!fault) throw error;
  process.stderr.write(`${fault.message}\nSee docs/configuration.md for every setting.\n`);
  // EX_CONFIG of sysexits.h. What was opened before the port was tried would keep the process.
  process.exit(78);
}

/**
 * In production nothing but HOST and PORT listens. Flags such as `--inspect` open a port that asks for no credential.
 * @throws {ConfigurationError}
 */
function refuseInspector({ NODE_ENV }: NodeJS.ProcessEnv): void {
  if (NODE_ENV !== 'production' || inspector.url() === undefined) return;
  throw new ConfigurationError([
    'NODE_OPTIONS or the command line opens the inspector of Node.js: remove --inspect in production',
  ]);
}

/** First not ready, for as long as the settings say; then no more calls, the end of those under way, exit code 0. */
function stopWhenTold(broker: INestApplicationContext, delayMs: number): void {
  let stop: (() => void) | null = null;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // Told twice: at once.
      if (stop) stop();
      else stop = stopAfter(broker, delayMs);
    });
  }
}

function stopAfter(broker: INestApplicationContext, delayMs: number): () => void {
  broker.get(Readiness).stop();
  let isStopping = false;
  const stop = () => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => {
      process.stderr.write('Stopping took too long; what is left is given up.\n');
      process.exit(1);
    }, MAX_STOP_MS).unref();
    void broker.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`Stopping failed: ${error instanceof Error ? error.message : ''}\n`);
        process.exit(1);
      },
    );
  };
  if (delayMs === 0) stop();
  else setTimeout(stop, delayMs);
  return stop;
}

function listenFault(error: unknown): ConfigurationError | null {
  const { syscall, code = '' } = error as NodeJS.ErrnoException;
  if (syscall !== 'listen' && syscall !== 'getaddrinfo') return null;
  return new ConfigurationError([`HOST and PORT: the broker cannot listen there (${code})`]);
}
