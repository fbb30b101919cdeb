import { randomBytes } from 'node:crypto';
import { guideHierarchy } from '../google/ads/hierarchy.js';
import { startStandIn, type StandIn } from '../google/stand-in.js';
import type { DataFolder } from './data-folder.js';
import { systemCode, TryingFault } from './fault.js';
import { keepServiceAccount, SERVICE_ACCOUNT_EMAIL } from './service-account.js';

const CLIENT_ID = 'trying.apps.googleusercontent.com';

/**
 * Starts the stand-in, and writes the client_secret JSON that the broker reads as it would read Google's.
 * Its grants are kept across restarts.
 */
export async function startGoogle(
  folder: DataFolder,
  port: number,
  publicUrl: string,
): Promise<{ google: StandIn; clientSecretsFile: string }> {
  const clientSecret = folder.keep(
    'google-client-secret',
    () => `GOCSPX-${randomBytes(21).toString('base64url')}`,
  );
  const google = await startStandIn({
    port,
    clients: [
      {
        clientId: CLIENT_ID,
        clientSecret,
        projectId: 'token-broker-trying',
        kind: 'web',
        redirectUris: [`${publicUrl}/callback`, `${publicUrl}/console/callback`],
        appName: 'Token broker (trying mode)',
      },
    ],
    accounts: [
      { sub: '103400000000000000001', email: 'alice@example.com', name: 'Alice Archer', hd: 'example.com' },
      { sub: '103400000000000000002', email: 'bob.baker@example.net', name: 'Bob Baker' },
      { sub: '103400000000000000003', email: 'carol@example.com', name: 'Carol Clark', hd: 'example.com' },
    ],
    serviceAccounts: [keepServiceAccount(folder)],
    ads: guideHierarchy({
      U1: 'carol@example.com',
      SA1: SERVICE_ACCOUNT_EMAIL,
      U2: 'alice@example.com',
      U3: 'bob.baker@example.net',
    }),
    stateFile: folder.file('google.json'),
  }).catch((error: unknown) => {
    // A damaged state file: the message of the stand-in says what to do.
    if (error instanceof Error && systemCode(error) === undefined) throw new TryingFault(error.message);
    throw error;
  });
  folder.write('client_secret.json', `${JSON.stringify(google.clientSecretJson(CLIENT_ID), null, 2)}\n`);
  return { google, clientSecretsFile: folder.file('client_secret.json') };
}
