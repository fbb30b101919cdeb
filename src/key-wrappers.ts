import type { KeyWrapper } from './domain/ports/key-wrapper.js';

/*
 * The key management services that can wrap the key ring, by the scheme of a key's URI (the form of Tink's URIs). Each is loaded only
 * when a key of it is opened. Does not own which URIs are accepted (config/declarations/broker.ts).
 */

interface Reach {
  readonly googleStandInUrl: string | null;
  readonly googleTimeoutMs: number;
}

export async function openKeyWrapper(
  uri: string,
  { googleStandInUrl, googleTimeoutMs }: Reach,
): Promise<KeyWrapper> {
  const [scheme = '', name = ''] = uri.split('://');
  if (scheme === 'gcp-kms') {
    const { GoogleKms } = await import('./google/kms/google-kms.js');
    return new GoogleKms(name, { standInUrl: googleStandInUrl, timeoutMs: googleTimeoutMs });
  }
  throw new Error(`There is no key management service for ${scheme}.`);
}
