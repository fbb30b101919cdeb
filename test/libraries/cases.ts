/**
 * What each library of Google must do with the broker, whatever its language. Owns the tests. Does not own which library is
 * here and what it can do, which the test file of its language says.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type LibraryBed, type Program, startLibraryBed, type Way } from '../support/library-bed.js';
import { ADS, ALICE, YOUTUBE } from '../support/test-bed.js';

export interface Library {
  /** With its version. */
  readonly name: string;
  readonly ways: readonly Way[];
  readonly program: () => Program;
  /** How much of a refusal's body reaches the developer: all of it, its first 120 bytes, or nothing but the status. */
  readonly showsRefusals: 'all' | 'beginning' | 'status';
  /** The ways in which it asks for the scopes that a program names. */
  readonly asksForScopes: readonly Way[];
  /** Whether it asks for another token, and repeats the call, when an API refuses its token with 401. */
  readonly repeats: boolean;
}

const LINK = /http:\/\/127\.0\.0\.1:\d+\/connect\?ticket=[\w.-]+/;

/** A link that was cut short does not open. */
async function expectShown(
  error: string | undefined,
  shows: Library['showsRefusals'],
  reason: string,
): Promise<void> {
  if (shows === 'status') expect(error).toMatch(/\b400\b/);
  else expect(error).toContain(`${reason}: send the user to error_uri.`);
  if (shows !== 'all') return;
  const [link = 'no link'] = LINK.exec(error ?? '') ?? [];
  expect((await fetch(link)).status).toBe(200);
}

/** A library that a machine does not have is named on the terminal, and its tests are skipped. */
export function testLibrary(library: Library | { readonly missing: string }): void {
  if ('missing' in library) {
    console.warn(library.missing);
    test.skip('the library gets tokens from the broker', () => undefined);
    return;
  }
  const { name, ways, program, showsRefusals, asksForScopes, repeats } = library;
  let bed: LibraryBed;
  beforeAll(async () => {
    bed = await startLibraryBed();
  });
  afterEach(() => {
    bed.google.control.clearFaults();
  });
  afterAll(() => bed.stop());

  describe.each(ways)(`${name}, pointed at the broker by %s,`, (way) => {
    const run = (situation?: Parameters<LibraryBed['run']>[2]) => bed.run(program(), way, situation);
    const tokenOf = async (user: string) => (await bed.api.token(user)).body['access_token'];

    test.each([
      ['the scopes that the program names', [YOUTUBE]],
      ['no scopes but those that it names by itself', []],
    ])('calls an API with the token that GET /tokens gives, with %s', async (_, scopes) => {
      const token = await tokenOf('alice');
      expect(await run({ scopes })).toEqual({ tokens: [token, token], status: 200 });
    });

    test('fails with a wrong key, and says so where it shows what a server says', async () => {
      const { error } = await run({ isKeyWrong: true, scopes: [YOUTUBE] });
      if (showsRefusals === 'status') expect(error).toMatch(/\b40[01]\b/);
      else if (way === 'external_account' || way === 'sidecar')
        expect(error).toMatch(/Send a service key.*invalid_client|invalid_client.*Send a service key/s);
      else expect(error).toMatch(/invalid_grant.*expired or revoked/s);
    });

    test('shows why, and the whole link, for a user who ended the access, as far as it shows what a server says', async () => {
      const { error } = await run({ user: 'dead', client: 'elsewhere', scopes: [YOUTUBE] });
      await expectShown(error, showsRefusals, 'Access ended');
    });

    test('shows why, and the whole link, for a scope that the user did not allow, where it asks for scopes', async () => {
      const { error, status } = await run({ scopes: [ADS] });
      // The token has the scopes that the user did allow.
      if (!asksForScopes.includes(way)) expect(status).toBe(200);
      else await expectShown(error, showsRefusals, 'Scope missing');
    });

    test('gets a token that it does not call due at once', async () => {
      await bed.api.connect({ user_id: way, scope: YOUTUBE }, { account: ALICE.email });
      const { body } = await bed.api.token(way);
      bed.clock.advance((body['expires_in'] as number) - 380);
      const { tokens, status } = await run({ user: way, scopes: [YOUTUBE] });
      expect({ tokens, status }).toEqual({ tokens: Array(2).fill(await tokenOf(way)), status: 200 });
      expect(tokens?.[0]).not.toBe(body['access_token']);
      // Python's asks a metadata server about the account before it asks for a token with scopes.
      expect(bed.exchanges()).toBeLessThanOrEqual(way === 'sidecar' ? 2 : 1);
    });

    test('gets another token once one was reported as refused', async () => {
      bed.google.control.failNext('reports', { named: 'invalid_credentials' });
      const { status } = await run({ scopes: [YOUTUBE] });
      expect(status).toBe(repeats ? 200 : 401);
      const refused = await bed.api.token('alice');
      const other = await bed.api.token('alice', { refused: String(refused.body['token_id']) });
      expect(other.body['access_token']).not.toBe(refused.body['access_token']);
      // The sidecar hands out a token for so long without asking the broker.
      bed.clock.advance(10);
      const token = other.body['access_token'];
      expect(await run({ scopes: [YOUTUBE] })).toEqual({ tokens: [token, token], status: 200 });
    });
  });
}
