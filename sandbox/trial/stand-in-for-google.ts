import { randomBytes } from 'node:crypto';
import { guideHierarchy } from '../google/ads/hierarchy.js';
import { startStandIn, type StandIn } from '../google/stand-in.js';
import type { DataFolder } from './data-folder.js';
import { systemCode, TrialFault } from './fault.js';
import { keepServiceAccount, SERVICE_ACCOUNT_EMAIL } from './service-account.js';

const CLIENT_ID = 'trial.apps.googleusercontent.com';
/** For the command line: a library on the developer's own machine. */
const DESKTOP_CLIENT_ID = 'trial-desktop.apps.googleusercontent.com';

/**
 * Starts the stand-in, and writes the client_secret JSON that the broker reads as it would read Google's, and that of a desktop
 * client for the command line.
 * Its grants are kept across restarts.
 */
export async function startGoogle(
  folder: DataFolder,
  port: number,
  publicUrl: string,
): Promise<{ google: StandIn; clientSecretsFile: string }> {
  const keepSecret = (name: string) =>
    folder.keep(name, () => `GOCSPX-${randomBytes(21).toString('base64url')}`);
  const google = await startStandIn({
    port,
    clients: [
      {
        clientId: CLIENT_ID,
        clientSecret: keepSecret('google-client-secret'),
        projectId: 'token-broker-trial',
        kind: 'web',
        redirectUris: [`${publicUrl}/callback`, `${publicUrl}/console/callback`],
        appName: 'Token broker (trial mode)',
      },
      {
        clientId: DESKTOP_CLIENT_ID,
        clientSecret: keepSecret('google-desktop-client-secret'),
        projectId: 'token-broker-trial',
        kind: 'installed',
        redirectUris: ['http://localhost'],
        appName: 'Token broker (trial mode)',
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
    if (error instanceof Error && systemCode(error) === undefined) throw new TrialFault(error.message);
    throw error;
  });
  const writeClient = (name: string, clientId: string) =>
    folder.write(name, `${JSON.stringify(google.clientSecretJson(clientId), null, 2)}\n`);
  writeClient('client_secret.json', CLIENT_ID);
  writeClient('desktop_client.json', DESKTOP_CLIENT_ID);
  return { google, clientSecretsFile: folder.file('client_secret.json') };
}
