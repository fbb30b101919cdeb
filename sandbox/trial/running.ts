import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DataFolder } from './data-folder.js';
import { systemCode } from './fault.js';

type Env = Readonly<Record<string, string | undefined>>;

/** What other processes need to know of a running trial mode. Holds secrets: readable by its owner only. */
export interface Running {
  readonly pid: number;
  /** Where the broker answers on this machine. */
  readonly brokerUrl: string;
  readonly sampleAppUrl: string;
  /** The settings that were or could have been filled in, as environment variables. */
  readonly settings: Readonly<Record<string, string>>;
}

const FILE = 'running.json';
const SETTINGS = [
  'DATABASE_URL',
  'DATABASE_URL_FILE',
  'KEY_RING_FILE',
  'GOOGLE_CLIENT_SECRETS',
  'GOOGLE_STAND_IN_URL',
  'PUBLIC_URL',
  'PORT',
  'RETURN_TO_ORIGINS',
];
const TIMEOUT_MS = 2000;

export function writeRunning(
  folder: DataFolder,
  { environment, ...where }: Omit<Running, 'settings'> & { environment: Env },
): void {
  const settings = Object.fromEntries(
    SETTINGS.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])),
  );
  folder.write(FILE, `${JSON.stringify({ ...where, settings }, null, 2)}\n`);
}

export function removeRunning(folder: DataFolder): void {
  rmSync(folder.file(FILE), { force: true });
}

/** The trial mode that runs on a data folder; null when none does, or when it ended without removing its file. */
export async function findRunning(folderPath: string): Promise<Running | null> {
  try {
    const running = JSON.parse(readFileSync(join(folderPath, FILE), 'utf8')) as Running;
    return isAlive(running.pid) && (await answers(running.brokerUrl)) ? running : null;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** A process of another user counts as well. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** Process ids are reused, often in containers, so the broker must also answer. */
async function answers(brokerUrl: string): Promise<boolean> {
  return fetch(new URL('/health/live', brokerUrl), { signal: AbortSignal.timeout(TIMEOUT_MS) }).then(
    ({ ok }) => ok,
    () => false,
  );
}
