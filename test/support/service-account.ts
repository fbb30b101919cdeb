/** A service account as Google's console gives it out, known to a stand-in for Google. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StandIn } from '../../sandbox/google/stand-in.js';

export const ROBOT = {
  email: 'reports@project-a.iam.gserviceaccount.com',
  uniqueId: '110000000000000000001',
  projectId: 'project-a',
};

/** Making one takes a tenth of a second. */
const pairs = [newPair(), newPair()];

export interface KeyFile {
  readonly path: string;
  readonly keyId: string;
  readonly privateKey: string;
}

/** @param change fields of the file that differ; undefined leaves one out */
export function keyFile(
  google: StandIn,
  account: typeof ROBOT = ROBOT,
  change: Record<string, unknown> = {},
): KeyFile {
  const pair = pairs.shift() ?? newPair();
  pairs.push(pair);
  const keyId = randomUUID();
  google.control.addServiceAccount({ ...account, keyId, publicKey: pair.publicKey });
  const path = file({
    type: 'service_account',
    project_id: account.projectId,
    private_key_id: keyId,
    private_key: pair.privateKey,
    client_email: account.email,
    client_id: account.uniqueId,
    token_uri: 'https://oauth2.googleapis.com/token',
    ...change,
  });
  return { path, keyId, privateKey: pair.privateKey };
}

export function file(content: object | string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'token-broker-key-')), 'key.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
  return path;
}

function newPair() {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}
