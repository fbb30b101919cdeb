/** Google's endpoints, and the issuers that it signs as. https://accounts.google.com/.well-known/openid-configuration */
export interface Endpoints {
  readonly authorization: string;
  readonly token: string;
  readonly revocation: string;
  readonly jwks: string;
  /** Describes an access token: its client, its scopes, its account as far as the scopes allow. */
  readonly tokenInfo: string;
  /** Google signs id_tokens under either name. */
  readonly issuers: readonly string[];
  /** The discovery document of Cross-Account Protection: issuer and keys of security events. */
  readonly riscConfiguration: string;
  /** Google's API for the stream of security events. */
  readonly riscApi: string;
  /** The Google Ads API, without its version. */
  readonly ads: string;
  /** The API of Cloud KMS. */
  readonly kms: string;
}

const GOOGLE: Endpoints = {
  authorization: 'https://accounts.google.com/o/oauth2/v2/auth',
  token: 'https://oauth2.googleapis.com/token',
  revocation: 'https://oauth2.googleapis.com/revoke',
  jwks: 'https://www.googleapis.com/oauth2/v3/certs',
  tokenInfo: 'https://oauth2.googleapis.com/tokeninfo',
  issuers: ['https://accounts.google.com', 'accounts.google.com'],
  riscConfiguration: 'https://accounts.google.com/.well-known/risc-configuration',
  riscApi: 'https://risc.googleapis.com/v1beta',
  ads: 'https://googleads.googleapis.com',
  kms: 'https://cloudkms.googleapis.com/v1',
};

export function endpointsFor(standInUrl: string | null): Endpoints {
  if (standInUrl === null) return GOOGLE;
  const { origin } = new URL(standInUrl);
  return {
    authorization: `${origin}/o/oauth2/v2/auth`,
    token: `${origin}/token`,
    revocation: `${origin}/revoke`,
    jwks: `${origin}/oauth2/v3/certs`,
    tokenInfo: `${origin}/tokeninfo`,
    issuers: [origin],
    riscConfiguration: `${origin}/.well-known/risc-configuration`,
    riscApi: `${origin}/v1beta`,
    ads: origin,
    kms: `${origin}/v1`,
  };
}
