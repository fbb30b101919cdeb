/** The key that signs id_tokens and security events, and its public half as the two certificate endpoints show it. */
import { createPublicKey } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import type { JWK, JWTPayload } from 'jose';

export interface SigningKey {
  privateJwk: JWK;
  publicJwk: JWK;
  publicPem: string;
  keyId: string;
  sign(claims: JWTPayload, type?: string): Promise<string>;
}

export async function newSigningKey(): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return signingKeyOf(await exportJWK(privateKey));
}

export async function signingKeyOf(privateJwk: JWK): Promise<SigningKey> {
  const { kty, n, e } = privateJwk;
  const bare = { kty, n, e } as JWK;
  const keyId = await calculateJwkThumbprint(bare);
  const key = await importJWK(privateJwk, 'RS256');
  return {
    privateJwk,
    publicJwk: { ...bare, kid: keyId, alg: 'RS256', use: 'sig' },
    publicPem: createPublicKey({ key: bare, format: 'jwk' })
      .export({ type: 'spki', format: 'pem' })
      .toString(),
    keyId,
    sign: (claims, typ = 'JWT') =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: keyId, typ }).sign(key),
  };
}
