import type { Diagnosis } from '../grant/grant.js';

export interface DeadGrantRow {
  readonly meaning: string;
  /** The meaning where it is not inferred: Google reported it by a security event. */
  readonly reported?: string;
  readonly whoMustAct: Diagnosis['who_must_act'];
  readonly remedy: string;
}

/**
 * `error_subtype` of an `invalid_grant` where a Workspace ends sessions. Google documents neither; its own libraries
 * treat both as a session that has to be renewed.
 */
export const SESSION_CONTROL_SUBTYPES: readonly string[] = ['invalid_rapt', 'rapt_required'];

/**
 * Why Google ends a grant, by the `cause` of a diagnosis. Google answers most of them with the same `invalid_grant`:
 * grant/diagnosis.ts infers which it was. docs/google-errors.md lists each.
 * https://developers.google.com/identity/protocols/oauth2#expiration
 */
export const DEAD_GRANTS = {
  session_control: {
    meaning: "The user's Google Workspace ends sessions after some hours.",
    whoMustAct: 'user',
    remedy:
      'The user must connect again, each time; a Workspace administrator can stop that by trusting this app.',
  },
  admin_policy_enforced: {
    meaning: "The administrator of the user's Google Workspace does not allow this app or one of its scopes.",
    whoMustAct: 'workspace_admin',
    remedy: 'The administrator must allow it in the Admin console; then the user connects again.',
  },
  testing_mode: {
    meaning: 'The Google app is in Testing, where refresh tokens live 7 days.',
    whoMustAct: 'operator',
    remedy: "Publish it in Google's console (Audience), then let the user connect again.",
  },
  time_based_access: {
    meaning: 'The user allowed access for a limited time, and that time is over.',
    whoMustAct: 'user',
    remedy: 'The user must connect again.',
  },
  slot_eviction: {
    meaning:
      'Google keeps a limited number of refresh tokens per account and client, and newer connects of the same Google ' +
      'account evicted this one.',
    whoMustAct: 'user',
    remedy: 'The user must connect again; see slots in GET /grants/:id.',
  },
  inactivity: {
    meaning: 'The grant was not used for six months; Google ends such grants.',
    whoMustAct: 'user',
    remedy: 'The user must connect again.',
  },
  user_revoked: {
    meaning:
      'Google no longer accepts the tokens of this grant, and nothing else explains it: most likely the user removed ' +
      "the app's access in the Google Account.",
    reported: "The app's access to the Google Account was taken away, as Google reported.",
    whoMustAct: 'user',
    remedy: 'The user must connect again.',
  },
  user_revoked_or_password_changed: {
    meaning:
      'Google no longer accepts the tokens of this grant: the user removed the access, or changed the password, which ' +
      'ends grants that hold Gmail scopes.',
    whoMustAct: 'user',
    remedy: 'The user must connect again.',
  },
  token_revoked: {
    meaning: 'This refresh token was revoked, as Google reported.',
    whoMustAct: 'user',
    remedy: 'The user must connect again.',
  },
  account_disabled: {
    meaning: 'Google disabled this Google Account, perhaps because it was hijacked.',
    whoMustAct: 'user',
    remedy:
      'Its owner must recover it with Google; then tokens are issued again, at the latest once the user connects again.',
  },
  revoked_with_sibling: {
    meaning:
      'Another grant of the same Google account was revoked. Google then ends them all, for the whole project.',
    whoMustAct: 'user',
    remedy: 'The user must connect again.',
  },
} as const satisfies Readonly<Record<string, DeadGrantRow>>;

export type DeadGrantCause = keyof typeof DEAD_GRANTS;
