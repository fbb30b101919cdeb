/**
 * The service account of the trial mode, SA1 in Google's guide to the access model of Google Ads. Owns its key file, as its owner
 * would download it from Google's console; the stand-in knows only the public half.
 */
import { createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import type { StandInServiceAccount } from '../google/google.js';
import type { DataFolder } from './data-folder.js';
import { TrialFault } from './fault.js';

const FILE = 'service_account.json';
const PROJECT_ID = 'token-broker-trial';

export const SERVICE_ACCOUNT_EMAIL = `sa1@${PROJECT_ID}.iam.gserviceaccount.com`;

/** @throws {TrialFault} for a damaged file */
export function keepServiceAccount(folder: DataFolder): StandInServiceAccount {
  const text = folder.keep(FILE, newKeyFile);
  try {
    const key = JSON.parse(text) as Readonly<Record<'client_id' | 'private_key_id' | 'private_key', string>>;
    const publicKey = createPublicKey(key.private_key).export({ type: 'spki', format: 'pem' }).toString();
    return {
      email: SERVICE_ACCOUNT_EMAIL,
      projectId: PROJECT_ID,
      uniqueId: key.client_id,
      keyId: key.private_key_id,
      publicKey,
    };
  } catch {
    throw new TrialFault(`${folder.shown}/${FILE} is damaged. Remove it, and start again.`);
  }
}

function newKeyFile(): string {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const file = {
    type: 'service_account',
    project_id: PROJECT_ID,
    private_key_id: randomUUID().replaceAll('-', ''),
    private_key: privateKey,
    client_email: SERVICE_ACCOUNT_EMAIL,
    client_id: '108000000000000000001',
    token_uri: 'https://oauth2.googleapis.com/token',
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}
