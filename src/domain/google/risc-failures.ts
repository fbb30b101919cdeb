import { type FailureRow, findFailure, type GoogleFailure, withValues } from './google-failure.js';

interface RiscFailureRow extends FailureRow<'client_rejected'> {
  readonly cause: string;
}

const kind = 'client_rejected';
const whoMustAct = 'operator';

/**
 * Refusals of Google's RISC API, in the form of oauth-failures.ts; `{email}` and `{project_id}` stand for those of the
 * service account. Google distinguishes them by its message only.
 * https://developers.google.com/identity/protocols/risc#error_codes
 */
export const RISC_FAILURES: readonly RiscFailureRow[] = [
  {
    errors: ['http_401'],
    kind,
    cause: 'service_account_refused',
    meaning: "Google does not accept the key of {email}: it was deleted, or this machine's clock is wrong.",
    whoMustAct,
    remedy: 'Create a new key in the Google console, or set the clock.',
  },
  {
    errors: [],
    words: /has not been used|is disabled|SERVICE_DISABLED/i,
    shown: '"…has not been used in project…"',
    kind,
    cause: 'risc_api_disabled',
    meaning: 'The RISC API is not enabled in the project {project_id}.',
    whoMustAct,
    remedy:
      'Read its terms and enable it: ' +
      'https://console.developers.google.com/apis/library/risc.googleapis.com?project={project_id}',
  },
  {
    errors: [],
    words: /permission/i,
    shown: '"…needs permission…"',
    kind,
    cause: 'risc_role_missing',
    meaning: 'The service account {email} may not set up the stream of the project {project_id}.',
    whoMustAct,
    remedy:
      'Give it the role "RISC Configuration Admin" (roles/riscconfigs.admin) under IAM in the Google console.',
  },
  {
    errors: [],
    words: /project's domains/i,
    shown: '"…the project\'s domains…"',
    kind,
    cause: 'risc_foreign_domain',
    meaning: "Google delivers only to the project's own domains.",
    whoMustAct,
    remedy:
      'Add the domain of --url to the authorized domains (Google Auth Platform, Branding) in the Google console.',
  },
  {
    errors: [],
    words: /HTTPS/i,
    shown: '"…must be an HTTPS URL."',
    kind,
    cause: 'risc_not_https',
    meaning: 'Google delivers to https addresses only.',
    whoMustAct,
    remedy: 'Name the https address of the broker with --url.',
  },
  {
    errors: [],
    words: /spec-compliant delivery method/i,
    shown: '"…spec-compliant delivery method…"',
    kind,
    cause: 'risc_taken_by_firebase',
    meaning: "Firebase manages this project's stream.",
    whoMustAct,
    remedy: 'Switch off Google sign-in in Firebase, and try in an hour.',
  },
  {
    errors: [],
    words: /no (existing )?RISC configuration/i,
    shown: '"…has no RISC configuration."',
    kind,
    cause: 'risc_not_configured',
    meaning: 'The project has no stream of security events yet.',
    whoMustAct,
    remedy: 'Create one with `token-broker risc configure`.',
  },
];

export const UNKNOWN_RISC_FAILURE: RiscFailureRow = {
  errors: [],
  shown: 'another',
  kind,
  cause: 'risc_refused',
  meaning: 'Google refuses this, with a message that is not known to the broker.',
  whoMustAct,
  remedy: "Look up Google's message in its documentation.",
};

/** @returns the code of a refusal, and what it means with the remedy */
export function explainRiscFailure(
  failure: GoogleFailure,
  account: { readonly email: string; readonly projectId: string },
): { readonly cause: string; readonly detail: string } {
  const { cause, meaning, remedy } = findFailure(RISC_FAILURES, failure) ?? UNKNOWN_RISC_FAILURE;
  const values = { email: account.email, project_id: account.projectId };
  return { cause, detail: withValues(`${meaning} ${remedy}`, values) };
}
