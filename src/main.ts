import './version.js';
import 'reflect-metadata';
import inspector from 'node:inspector';
import { ConfigurationError, loadEnvFile } from './config/configuration-files.js';
import { readConfiguration } from './config/read-configuration.js';
import { KmsFailure } from './domain/google/google-failure.js';
import { workerNumber } from './workers/protocol.js';

// SIGUSR1 opens Node's inspector: any client that reaches its port can read every secret in memory. A listener prevents that.
process.on('SIGUSR1', () => undefined);

try {
  loadEnvFile();
  refuseInspector(process.env);
  const settings = readConfiguration(process.env);
  // Imported only where it runs: a supervisor needs nothing of the broker, and the only process nothing of a supervisor.
  if (settings.workers > 1 && workerNumber(process.env) === null) {
    const { supervise } = await import('./workers/supervisor.js');
    supervise(settings);
  } else {
    const { serve } = await import('./serve.js');
    await serve(settings);
  }
} catch (error) {
  if (error instanceof KmsFailure && error.isTransient) {
    process.stderr.write(`KEY_RING_FILE cannot be unwrapped: ${error.message}\n`);
    // EX_UNAVAILABLE of sysexits.h: a supervisor and the platform start it again.
    process.exit(69);
  }
  const fault = error instanceof ConfigurationError ? error : (keyRingFault(error) ?? listenFault(error));
  if (!fault) throw error;
  process.stderr.write(`${fault.message}\nSee docs/configuration.md for every setting.\n`);
  // EX_CONFIG of sysexits.h. Connections that are open already would keep the process running.
  process.exit(78);
}

/**
 * In production only HOST with PORT and ADMIN_PORT listen. A flag such as `--inspect` opens a port without authentication.
 * @throws {ConfigurationError}
 */
function refuseInspector({ NODE_ENV }: NodeJS.ProcessEnv): void {
  if (NODE_ENV !== 'production' || inspector.url() === undefined) return;
  throw new ConfigurationError([
    'NODE_OPTIONS or the command line opens the inspector of Node.js: remove --inspect in production',
  ]);
}

/** The KMS refuses: a missing role, a disabled version, another key. */
function keyRingFault(error: unknown): ConfigurationError | null {
  if (!(error instanceof KmsFailure)) return null;
  return new ConfigurationError([`KEY_RING_FILE cannot be unwrapped: ${error.message}`]);
}

function listenFault(error: unknown): ConfigurationError | null {
  const { syscall, code = '', port } = error as NodeJS.ErrnoException & { readonly port?: number };
  // `bind`: in a worker, whose supervisor holds the port.
  if (!['listen', 'bind', 'getaddrinfo'].includes(syscall ?? '')) return null;
  const name = port !== undefined && String(port) === process.env['ADMIN_PORT'] ? 'ADMIN_PORT' : 'PORT';
  return new ConfigurationError([`HOST and ${name}: the broker cannot listen there (${code})`]);
}
