import { ConfigurationError } from './configuration-error.js';

/**
 * Settings may stand in a .env file of the working directory. What the environment says already wins.
 * @throws {ConfigurationError} when the file is there and cannot be read
 */
export function loadEnvFile(): void {
  try {
    process.loadEnvFile();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    if (code !== 'ENOENT') throw new ConfigurationError([`.env cannot be read (${code})`]);
  }
}
