import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ADS_FAILURES } from '../ads/ads-failure.js';
import { DEAD_GRANTS } from './dead-grants.js';
import type { GoogleFailureKind } from './google-failure.js';
import {
  type Actor,
  AUTHORIZATION_RESPONSE_FAILURES,
  type FailureRow,
  TOKEN_ENDPOINT_FAILURES,
  tokenEndpointFailure,
} from './google-failures.js';
import { SERVICE_ACCOUNT_FAILURES, UNKNOWN_SERVICE_ACCOUNT_FAILURE } from './service-account.js';

const ACTORS: Readonly<Record<Actor, string>> = {
  user: 'the user',
  workspace_admin: 'the Workspace administrator',
  operator: 'the operator',
  developer: 'the developer of the service',
  account_admin: 'an administrator of the account',
  none: 'none',
};

/** What the broker answers in a connect and in a refresh. */
const ANSWERS: Readonly<Partial<Record<GoogleFailureKind, readonly [string, string]>>> = {
  grant_dead: ['code_rejected', 'reconnect_required'],
  policy_rejected: ['policy_rejected', 'reconnect_required'],
  client_rejected: ['client_misconfigured', 'client_misconfigured'],
  scope_rejected: ['scope_rejected', 'client_misconfigured'],
  unavailable: ['google_unavailable', 'google_unavailable'],
};

describe('docs/google-errors.md has the same meaning, actor and remedy in every row', () => {
  const document = readFileSync('docs/google-errors.md', 'utf8');

  test('for the token endpoint, with what the broker answers', () => {
    const rows: readonly FailureRow[] = TOKEN_ENDPOINT_FAILURES;
    expect(tableUnder(document, 'At the token endpoint')).toEqual(
      rows.map((row) => [
        label(row),
        row.meaning,
        ...(ANSWERS[row.kind] ?? []).map((code) => `\`${code}\``),
        ACTORS[row.whoMustAct],
        row.remedy,
      ]),
    );
  });

  test('for the authorization response', () => {
    const rows: readonly FailureRow<unknown>[] = AUTHORIZATION_RESPONSE_FAILURES;
    expect(withoutColumn(tableUnder(document, 'Sent back to us'), 2)).toEqual(rows.map(cells));
  });

  test('for dead grants, by their cause', () => {
    const causes = Object.entries(DEAD_GRANTS);
    expect(tableUnder(document, 'Why a grant is dead')).toEqual(
      causes.map(([cause, { meaning, whoMustAct, remedy }]) => [
        `\`${cause}\``,
        meaning,
        ACTORS[whoMustAct],
        remedy,
      ]),
    );
  });

  test('for service accounts, by their cause', () => {
    const rows = [...SERVICE_ACCOUNT_FAILURES, UNKNOWN_SERVICE_ACCOUNT_FAILURE];
    expect(tableUnder(document, 'Of a service account')).toEqual(
      rows.map((row) => [`\`${row.cause}\``, ...cells(row)]),
    );
  });

  test('for the Google Ads API', () => {
    expect(withoutColumn(tableUnder(document, 'At the Google Ads API'), 2)).toEqual(ADS_FAILURES.map(cells));
  });
});

describe('the table of failures of the token endpoint', () => {
  test.each([
    ['invalid_grant', 'Bad Request', null, 'The code, or the refresh token, is not valid (any more)'],
    ['invalid_grant', 'reauth related error', 'invalid_rapt', 'The Workspace session is over'],
    [
      'invalid_client',
      'The provided client secret is invalid.',
      null,
      'The secret was replaced in the console',
    ],
    ['invalid_client', 'The OAuth client was not found.', null, 'No client has this id'],
    ['invalid_request', 'client_secret is missing.', null, 'The JSON holds no secret that Google accepts'],
    ['invalid_request', 'Missing parameter: code', null, 'Unclear; may be transient'],
  ])('finds a row for %s, "%s" and %p', (error, description, subtype, meaning) => {
    expect(tokenEndpointFailure({ error, description, subtype })?.meaning).toBe(meaning);
  });

  test.each(['', 'access_denied', 'INVALID_GRANT', 'toString'])('finds no row for %j', (error) => {
    expect(tokenEndpointFailure({ error, description: '', subtype: null })).toBeNull();
  });
});

function cells(row: FailureRow<unknown>): string[] {
  return [label(row), row.meaning, ACTORS[row.whoMustAct], row.remedy];
}

function label({ errors, subtype, shown }: FailureRow<unknown>): string {
  const codes = errors.map((code) => `\`${code}\``).join(', ');
  return [codes, subtype === undefined ? '' : `with \`${subtype}\``, shown ?? ''].filter(Boolean).join(' ');
}

/** The cells of the first table under a heading, without its head, and without links. */
function tableUnder(text: string, heading: string): string[][] {
  const lines = text.slice(text.search(new RegExp(`^#+ ${heading}$`, 'm'))).split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const length = lines.slice(first).findIndex((line) => !line.startsWith('|'));
  return lines.slice(first + 2, first + length).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.replaceAll(/\[((?:[^\]`]|`[^`]*`)*)\]\([^)]*\)/g, '$1').trim()),
  );
}

function withoutColumn(rows: string[][], column: number): string[][] {
  return rows.map((cells) => cells.filter((_, index) => index !== column));
}
