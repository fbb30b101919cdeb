const RISC = 'https://schemas.openid.net/secevent/risc/event-type/';
const OAUTH = 'https://schemas.openid.net/secevent/oauth/event-type/';

/** The security events that the broker handles, by the last part of their type. */
export const SECURITY_EVENTS = {
  'tokens-revoked': `${OAUTH}tokens-revoked`,
  'token-revoked': `${OAUTH}token-revoked`,
  'account-disabled': `${RISC}account-disabled`,
  'account-enabled': `${RISC}account-enabled`,
  'account-purged': `${RISC}account-purged`,
  'sessions-revoked': `${RISC}sessions-revoked`,
  'account-credential-change-required': `${RISC}account-credential-change-required`,
  verification: `${RISC}verification`,
} as const;

export type SecurityEventName = keyof typeof SECURITY_EVENTS;

export const SECURITY_EVENT_NAMES = Object.keys(SECURITY_EVENTS) as SecurityEventName[];

/** @returns null for a type that the broker does not handle */
export function securityEventName(type: string): SecurityEventName | null {
  return SECURITY_EVENT_NAMES.find((name) => SECURITY_EVENTS[name] === type) ?? null;
}
