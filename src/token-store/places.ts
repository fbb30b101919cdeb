/** What each sealed value belongs to: its column and row, bound into the seal. Changing one locks old rows out. */

export function verifierPlace(stateHash: Uint8Array): string {
  return `authorization_requests.sealed_verifier/${Buffer.from(stateHash).toString('base64url')}`;
}

export function refreshTokenPlace(grantId: string): string {
  return `grants.sealed_refresh_token/${grantId}`;
}

export function serviceAccountKeyPlace(grantId: string): string {
  return `grants.sealed_key/${grantId}`;
}

export function accessTokenPlace(grantId: string, scopeSetKey: string): string {
  return `access_tokens.sealed_token/${grantId}/${scopeSetKey}`;
}

export function revocationTokenPlace(id: string): string {
  return `revocations.sealed_token/${id}`;
}

export function pendingConsentPlace(codeHash: Uint8Array): string {
  return `pending_consents.sealed_consent/${Buffer.from(codeHash).toString('base64url')}`;
}

export function pendingExchangePlace(id: string): string {
  return `pending_exchanges.sealed_exchange/${id}`;
}
