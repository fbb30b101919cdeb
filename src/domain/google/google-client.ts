import type { Secret } from '../secret.js';

/** One Google OAuth client, read from the client_secret JSON that Google's console gives out. */
export interface GoogleClient {
  /** The name that services use for it. */
  readonly alias: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly projectId: string;
  /** `web` clients accept registered redirect URIs only; `installed` ones any loopback address. */
  readonly kind: 'web' | 'installed';
  /** From the file; empty when the file does not list them. */
  readonly redirectUris: readonly string[];
}
