import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ADS_FAILURES, type AdsFailureKind } from '../ads/ads-failure.js';
import { REVOKING } from '../grant/diagnosis.js';
import { AUTHORIZATION_RESPONSE_FAILURES, NO_REFRESH_TOKEN } from './authorization-failures.js';
import { DEAD_GRANTS, type DeadGrantRow } from './dead-grants.js';
import {
  type Actor,
  CONNECT_ERRORS,
  type FailureRow,
  GoogleFailure,
  type GoogleFailureKind,
} from './google-failure.js';
import {
  explainExchangeFailure,
  explainFailure,
  REVOCATION_FAILURES,
  TOKEN_ENDPOINT_FAILURES,
  tokenEndpointFailure,
  UNCONFIRMED_REVOCATION,
} from './oauth-failures.js';
import { LOCAL_FAILURES } from './local-failures.js';
import { RISC_FAILURES, UNKNOWN_RISC_FAILURE } from './risc-failures.js';
import { SERVICE_ACCOUNT_FAILURES, UNKNOWN_SERVICE_ACCOUNT_FAILURE } from './service-account.js';

const ACTORS: Readonly<Record<Actor, string>> = {
  user: 'the user',
  workspace_admin: 'the Workspace administrator',
  operator: 'the operator',
  developer: 'the developer of the service',
  account_admin: 'an administrator of the account',
  none: 'none',
};

/** What the broker answers in a refresh. */
const REFRESH_ANSWERS: Readonly<Partial<Record<GoogleFailureKind, string>>> = {
  grant_dead: 'reconnect_required',
  policy_rejected: 'reconnect_required',
  client_rejected: 'client_misconfigured',
  scope_rejected: 'client_misconfigured',
  unavailable: 'google_unavailable',
};

/** What it answers after a failure of the Google Ads API. */
const ADS_ANSWERS: Readonly<Record<AdsFailureKind, string>> = {
  refused: 'the account is a gap (`refused`), or the role is unknown',
  closed: 'the account is a gap (`closed`)',
  blocked: 'the account is a gap (`blocked`)',
  no_ads_user: 'an empty list',
  token_rejected: 'nothing at first: the token is refreshed',
  project_rejected: '`client_misconfigured`, cause `ads_api_rejected`',
  unavailable: '`google_unavailable`',
};

describe('docs/google-errors.md has the same meaning, actor and remedy in every row', () => {
  const document = readFileSync('docs/google-errors.md', 'utf8');

  test('for the token endpoint, with what the broker answers', () => {
    const rows: readonly FailureRow[] = TOKEN_ENDPOINT_FAILURES;
    expect(tableUnder(document, 'At the token endpoint')).toEqual(
      rows.map((row) => [label(row), row.meaning, ...answers(row), ACTORS[row.whoMustAct], row.remedy]),
    );
  });

  test('for the authorization response, with what the app gets', () => {
    const passedOn = ({ kind, errors, shown }: FailureRow<'denied' | 'failed'>) => {
      if (kind === 'denied') return '`connect=denied`, `connect_error=access_denied`';
      if (errors.length > 0) return '`connect=failed`, the same code';
      return shown === 'another'
        ? '`connect=failed`, the same code, or `unknown_error` where it does not look like one'
        : '`connect=failed`, `connect_error=code_missing`';
    };
    expect(tableUnder(document, 'Sent back to the broker')).toEqual(
      AUTHORIZATION_RESPONSE_FAILURES.map((row) => {
        const [code = '', meaning = '', ...rest] = cells(row);
        return [code, meaning, passedOn(row), ...rest];
      }),
    );
  });

  test('for dead grants, by their cause', () => {
    const causes = Object.entries<DeadGrantRow>(DEAD_GRANTS);
    const { meaning: unconfirmed } = UNCONFIRMED_REVOCATION;
    expect(tableUnder(document, 'Why a grant is dead')).toEqual([
      ...causes.map(([cause, { meaning, reported, whoMustAct, remedy }]) => [
        `\`${cause}\``,
        reported ? `${meaning} After a security event: ${reported}` : meaning,
        ACTORS[whoMustAct],
        remedy,
      ]),
      [
        `\`${REVOKING.cause}\``,
        unconfirmed,
        ACTORS[REVOKING.who_must_act],
        REVOKING.detail.slice(unconfirmed.length + 1),
      ],
    ]);
  });

  test('for failures without a code of Google', () => {
    expect(tableUnder(document, 'Without a code of Google')).toEqual(
      [...LOCAL_FAILURES, NO_REFRESH_TOKEN].map(cells),
    );
  });

  test('for revocations', () => {
    expect(tableUnder(document, 'At the revocation endpoint')).toEqual(REVOCATION_FAILURES.map(cells));
  });

  test('for the RISC API, by the code of the command', () => {
    const rows = [...RISC_FAILURES, UNKNOWN_RISC_FAILURE];
    expect(tableUnder(document, 'At the RISC API')).toEqual(
      rows.map((row) => [`\`${row.cause}\``, ...cells(row)]),
    );
  });

  test('for service accounts, by their cause', () => {
    const rows = [...SERVICE_ACCOUNT_FAILURES, UNKNOWN_SERVICE_ACCOUNT_FAILURE];
    expect(tableUnder(document, 'Of a service account')).toEqual(
      rows.map((row) => [`\`${row.cause}\``, ...cells(row)]),
    );
  });

  test('for the Google Ads API, with what the broker answers', () => {
    const answerOf = ({ kind, whoMustAct, errors }: FailureRow<AdsFailureKind>) => {
      if (kind === 'unavailable' && errors.length > 0) return `${ADS_ANSWERS[kind]}, with Google's delay`;
      // Where no account is left, it is the project's matter.
      const isOfProject = kind === 'blocked' && whoMustAct === 'operator';
      return `${ADS_ANSWERS[kind]}${isOfProject ? '; where all are, `client_misconfigured`' : ''}`;
    };
    expect(tableUnder(document, 'At the Google Ads API')).toEqual(
      ADS_FAILURES.map((row) => {
        const [code = '', meaning = '', ...rest] = cells(row);
        return [code, meaning, answerOf(row), ...rest];
      }),
    );
  });
});

describe('the table of failures of the token endpoint', () => {
  test.each([
    ['invalid_grant', 'Bad Request', null, 'refresh', 'grant_dead', /does not accept the refresh token/],
    ['invalid_grant', 'Bad Request', null, 'exchange', 'code_rejected', /did not accept the code/],
    ['invalid_grant', 'reauth related error', 'invalid_rapt', 'refresh', 'grant_dead', /ends sessions/],
    ['invalid_grant', 'reauth related error', 'rapt_required', 'refresh', 'grant_dead', /ends sessions/],
    ['invalid_grant', 'Bad Request', 'quux', 'refresh', 'grant_dead', /does not accept the refresh token/],
    [
      'invalid_client',
      'The provided client secret is invalid.',
      null,
      'refresh',
      'client_rejected',
      /secret/,
    ],
    ['invalid_client', 'The OAuth client was not found.', null, 'refresh', 'client_rejected', /no client/],
    ['invalid_request', 'client_secret is missing.', null, 'refresh', 'client_rejected', /no secret/],
    ['invalid_request', 'Missing parameter: code', null, 'exchange', 'unavailable', /^Unclear/],
    ['invalid_scope', '', null, 'exchange', 'scope_rejected', /does not exist/],
    ['invalid_scope', '', null, 'refresh', 'scope_rejected', /no longer knows/],
  ] as const)(
    'finds a row for %s, "%s", %p, in a %s',
    (error, description, subtype, during, kind, meaning) => {
      const row = tokenEndpointFailure({ error, description, subtype }, during);
      expect(row).toMatchObject({ kind, meaning: expect.stringMatching(meaning) });
      const failure = new GoogleFailure(kind, error, description, subtype);
      expect(explainFailure(failure, during)).toBe(row);
      if (during === 'exchange') expect(explainExchangeFailure(failure)).toBe(row);
    },
  );

  test.each(['', 'access_denied', 'INVALID_GRANT', 'toString'])('finds no row for %j', (error) => {
    expect(tokenEndpointFailure({ error, description: '', subtype: null }, 'refresh')).toBeNull();
  });

  test.each([
    ['timeout', /in time/],
    ['connection_lost', /cannot be reached/],
    ['http_503', /no usable response/],
    ['invalid_grant', /no usable response/],
  ])('explains a request that got no answer (%s)', (error, meaning) => {
    expect(explainFailure(new GoogleFailure('unavailable', error), 'refresh').meaning).toMatch(meaning);
  });

  test.each([
    ['client_rejected', 'invalid_client', 'client_misconfigured'],
    ['client_rejected', 'org_internal', 'org_internal'],
    ['scope_rejected', 'invalid_scope', 'scope_rejected'],
    ['policy_rejected', 'admin_policy_enforced', 'policy_rejected'],
    ['code_rejected', 'invalid_grant', 'code_rejected'],
    ['code_rejected', 'invalid_id_token', 'code_rejected'],
    ['unavailable', 'http_503', 'google_unavailable'],
    ['withheld', 'stopping', 'google_unavailable'],
  ] as const)('shows the user of an exchange, for %s by %s, the page %s', (kind, error, page) => {
    expect(explainExchangeFailure(new GoogleFailure(kind, error)).page).toBe(page);
  });
});

function cells(row: FailureRow<unknown>): string[] {
  return [label(row), row.meaning, ACTORS[row.whoMustAct], row.remedy];
}

/** What the broker answers in a connect and in a refresh. */
function answers({ kind, during }: FailureRow): string[] {
  const [connect, refresh] = [CONNECT_ERRORS[kind], REFRESH_ANSWERS[kind]];
  return [during === 'refresh' ? '' : connect, during === 'exchange' ? '' : refresh].map((code) =>
    code ? `\`${code}\`` : '',
  );
}

function label({ errors, subtypes, shown }: FailureRow<unknown>): string {
  const codes = errors.map((code) => `\`${code}\``).join(', ');
  const named = subtypes?.map((subtype) => `\`${subtype}\``).join(' or ');
  return [codes, named === undefined ? '' : `with ${named}`, shown ?? ''].filter(Boolean).join(' ');
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
