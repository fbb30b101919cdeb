import { createPrivateKey } from 'node:crypto';
import { SignJWT, type JWTPayload } from 'jose';
import { Secret } from '../domain/secret.js';

/** A key of a service account, as downloaded from Google's console. */
export interface ServiceAccountKey {
  /** Never changes: `client_id` in the file; empty where the file lacks it. */
  readonly uniqueId: string;
  readonly email: string;
  readonly projectId: string;
  readonly keyId: string;
  readonly privateKey: Secret;
}

/** Google allows an hour at most; the assertion is used at once. */
const LIFETIME_SECONDS = 600;

/** @returns the key, or what is wrong with the text; nothing of its content */
export function readServiceAccountKey(text: string): ServiceAccountKey | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return 'is not JSON';
  }
  const file = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  if ('web' in file || 'installed' in file) return 'is an OAuth client, not the key of a service account';
  if (file['type'] !== 'service_account') return 'is not the key of a service account';
  const { client_email: email, project_id: projectId, private_key_id: keyId, private_key: privateKey } = file;
  const { client_id: uniqueId } = file;
  const isText = (value: unknown) => typeof value === 'string' && value !== '';
  const missing = Object.entries({ client_email: email, private_key_id: keyId, private_key: privateKey })
    .filter(([, value]) => !isText(value))
    .map(([name]) => name);
  if (missing.length > 0) return `lacks ${missing.join(' and ')}`;
  if (!isReadable(privateKey as string)) return 'holds a private key that cannot be read';
  return {
    uniqueId: isText(uniqueId) ? (uniqueId as string) : '',
    email: email as string,
    projectId: isText(projectId) ? (projectId as string) : '',
    keyId: keyId as string,
    privateKey: new Secret(privateKey as string),
  };
}

/** A self-signed JWT for one API (https://google.aip.dev/auth/4111). */
export function selfSignedToken(key: ServiceAccountKey, audience: string, now: Date): Promise<Secret> {
  return sign(key, audience, now, { sub: key.email });
}

/** An assertion for Google's token endpoint (RFC 7523 section 3). @param subject the user to act for */
export function signAssertion(
  key: ServiceAccountKey,
  audience: string,
  now: Date,
  { subject, scopes }: { readonly subject: string | null; readonly scopes: readonly string[] },
): Promise<Secret> {
  return sign(key, audience, now, {
    scope: scopes.join(' '),
    ...(subject === null ? {} : { sub: subject }),
  });
}

async function sign(
  { email, keyId, privateKey }: ServiceAccountKey,
  audience: string,
  now: Date,
  claims: JWTPayload,
): Promise<Secret> {
  const seconds = Math.floor(now.getTime() / 1000);
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: keyId })
    .setIssuer(email)
    .setAudience(audience)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + LIFETIME_SECONDS)
    .sign(createPrivateKey(privateKey.reveal()));
  return new Secret(token);
}

function isReadable(privateKey: string): boolean {
  try {
    return createPrivateKey(privateKey).asymmetricKeyType === 'rsa';
  } catch {
    return false;
  }
}
