import 'reflect-metadata';
import { ConfigurationError } from './config/configuration-error.js';
import { loadEnvFile } from './config/load-env-file.js';
import { readConfiguration } from './read-configuration.js';
import { startBroker } from './start-broker.js';

/** A database that does not answer must not hold up the end; whoever runs us kills after ten. */
const LONGEST_STOP_MS = 9_500;

try {
  loadEnvFile();
  const broker = await startBroker(readConfiguration(process.env));
  // Without the option Nest ends itself by the signal once more, and the exit code says failure.
  broker.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      setTimeout(() => {
        process.stderr.write('Stopping took too long; what is left is given up.\n');
        process.exit(1);
      }, LONGEST_STOP_MS).unref();
    });
  }
  // With --expose-gc, as in the image: what only the start needed is given back at once, some 10 MB.
  void globalThis.gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' });
} catch (error) {
  const fault = error instanceof ConfigurationError ? error : listenFault(error);
  if (!fault) throw error;
  process.stderr.write(`${fault.message}\nSee docs/configuration.md for every setting.\n`);
  // EX_CONFIG of sysexits.h. What was opened before the port was tried would keep the process.
  process.exit(78);
}

function listenFault(error: unknown): ConfigurationError | null {
  const { syscall, code = '' } = error as NodeJS.ErrnoException;
  if (syscall !== 'listen' && syscall !== 'getaddrinfo') return null;
  return new ConfigurationError([`HOST and PORT: the broker cannot listen there (${code})`]);
}
