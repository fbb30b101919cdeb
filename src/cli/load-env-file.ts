import { faultyConfiguration } from './failure.js';

/** Settings may stand in a .env file of the working directory. What the environment says already wins. */
export function loadEnvFile(): void {
  try {
    process.loadEnvFile();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    if (code !== 'ENOENT') throw faultyConfiguration([`.env cannot be read (${code})`]);
  }
}
