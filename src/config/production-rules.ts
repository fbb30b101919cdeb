import { statSync } from 'node:fs';
import type { Environment } from './environment.js';

/** Key rings that the trying mode made carry this mark in their path. */
const TRYING_DATA = /(^|[/\\])data[/\\]trying([/\\]|$)/;

/** Trying-mode defaults that production must not start with. Names the setting, never its value. */
export function productionFaults(environment: Partial<Environment>): string[] {
  const faults: string[] = [];
  const { KEY_RING_FILE, GOOGLE_STAND_IN_URL, GOOGLE_CLIENT_SECRETS, NODE_ENV } = environment;
  if (NODE_ENV !== 'production') return faults;
  if (GOOGLE_STAND_IN_URL)
    faults.push('GOOGLE_STAND_IN_URL is set: production talks to the real Google only');
  if (KEY_RING_FILE && TRYING_DATA.test(KEY_RING_FILE)) {
    faults.push(
      'KEY_RING_FILE is the key ring of the trying mode: make one with `token-broker keys generate`',
    );
  }
  if (KEY_RING_FILE && isReadableByOthers(KEY_RING_FILE)) {
    faults.push('KEY_RING_FILE can be read by every user of this machine: allow only its owner (chmod 600)');
  }
  if (GOOGLE_CLIENT_SECRETS?.some((entry) => TRYING_DATA.test(entry))) {
    faults.push(
      'GOOGLE_CLIENT_SECRETS names the client of the trying mode: download one from the Google console',
    );
  }
  return faults;
}

function isReadableByOthers(path: string): boolean {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  return process.platform !== 'win32' && mode !== undefined && (mode & 0o004) !== 0;
}
