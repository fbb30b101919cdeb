/** A JWT that a service account signed itself, for this one API, valid for an hour at most. */
import { decodeProtectedHeader, importSPKI, jwtVerify } from 'jose';
import type { Google } from '../google.js';
import { bearerToken } from '../incoming.js';
import type { Incoming } from '../incoming.js';
import { refuseCall } from '../refusals.js';

const audience = 'https://risc.googleapis.com/google.identity.risc.v1beta.RiscManagementService';

/** Returns the project of the service account. */
export async function authorizeServiceAccount(google: Google, incoming: Incoming): Promise<string> {
  const bearer = bearerToken(incoming);
  if (bearer === undefined) throw refuseCall('missing_credentials');
  try {
    const { kid } = decodeProtectedHeader(bearer);
    const account = google.serviceAccounts.find(({ keyId }) => keyId === kid);
    if (!account?.publicKey) throw refuseCall('invalid_credentials');
    const { payload } = await jwtVerify(bearer, await importSPKI(account.publicKey, 'RS256'), {
      issuer: account.email,
      subject: account.email,
      audience,
      algorithms: ['RS256'],
      requiredClaims: ['iat', 'exp'],
    });
    if ((payload.exp ?? 0) - (payload.iat ?? 0) > 3600) throw refuseCall('invalid_credentials');
    return account.projectId;
  } catch {
    throw refuseCall('invalid_credentials');
  }
}
