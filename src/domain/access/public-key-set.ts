/*
 * Which keys of an issuer are used. Owns the bounds, since the key id of a token, which its sender chooses, says which key checks it.
 * Does not own where keys come from (services/workload-jwt/issuer-keys.ts, google/google-keys.ts), nor which one fits a token.
 */

/** A JSON Web Key Set of public keys (RFC 7517). */
export interface PublicKeySet {
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

/** No issuer publishes so many; each can cost a signature check where a token does not name its key. */
const MAX_KEYS = 100;
/** RSA of more than 8192 bits takes milliseconds to verify, which any caller could cause. In base64url. */
const MAX_MODULUS = 1366;

/**
 * Reads a JSON Web Key Set (section 5); what is not a public key of a known kind is left out of it.
 * @returns the set; or what is wrong with it: one without a usable key must not take the place of a good one
 */
export function readPublicKeys({ keys }: Readonly<Record<string, unknown>>): PublicKeySet | string {
  if (!Array.isArray(keys)) return 'has no list of "keys"';
  if (keys.length > MAX_KEYS) return `has more than ${MAX_KEYS} keys`;
  const usable = (keys as unknown[]).filter(isUsable);
  return usable.length === 0 ? 'has no usable key' : { keys: usable };
}

function isUsable(key: unknown): key is PublicKeySet['keys'][number] {
  if (typeof key !== 'object' || key === null) return false;
  const { kty, n, d, k } = key as Readonly<Record<string, unknown>>;
  if (d !== undefined || k !== undefined) return false;
  if (kty === 'RSA') return typeof n === 'string' && n.length <= MAX_MODULUS;
  return kty === 'EC' || kty === 'OKP';
}
