/**
 * The audited actions. `grant.read` is written only when it was refused.
 * docs/audit.md explains each in a user's words.
 */
export const AUDIT_ACTIONS = [
  'connect.ticket',
  'connect.cancel',
  'connect.consent',
  'connect.completion',
  'connect.manage',
  'token.issue',
  'token.refresh',
  'grant.read',
  'grant.import',
  'grant.disconnect',
  'user.offboard',
  'webhook.create',
  'webhook.update',
  'webhook.rotate',
  'webhook.enable',
  'webhook.disable',
  'webhook.delete',
  'webhook.replay',
  'webhook.test',
  'ads.read',
  'service.create',
  'service.update',
  'service.revoke',
  'setting.apply',
  'setting.remove',
  'credential.create',
  'credential.revoke',
  'service_account.add',
  'service_account.remove',
  'console.sign_in',
  'console.sign_out',
  'console.count',
  'security.event',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** Kept to plain values, so that no object with a secret inside gets in by accident. */
export type AuditDetail = string | number | boolean | null | readonly string[];

/** Who did what, for whom, with what outcome. Never a secret: no token, key, ticket, code or state. */
export interface AuditEntry {
  readonly at: Date;
  readonly action: AuditAction;
  /** `ok`, another good end of the action (`partial`, `held`), or the code of the refusal. */
  readonly outcome: string;
  /** A service's name, `user`, `google`, `operator`, `broker`, or a person in the console: `console:alice@example.com`. */
  readonly actor: string;
  readonly serviceId?: string | null;
  readonly userId?: string | null;
  readonly client?: string | null;
  readonly grantId?: string | null;
  readonly requestId?: string | null;
  readonly details?: Readonly<Record<string, AuditDetail>>;
}
