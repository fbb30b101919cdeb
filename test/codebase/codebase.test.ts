/**
 * The rules of the codebase: format, lint, types, imports, unused code. Imports are checked in a copy of the sources in which
 * each import rule is broken once on purpose, in files of their own.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sources } from '../support/sources.js';

const MINUTES = 2 * 60_000;

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

/** Runs a script of package.json, without npm, which would cost half a second each. */
function run(script: string, cwd = '.'): { ok: boolean; output: string } {
  const PATH = `${resolve('node_modules/.bin')}${delimiter}${process.env['PATH'] ?? ''}`;
  const { status, stdout, stderr } = spawnSync(scripts[script] ?? '', {
    cwd,
    // The linter's type checker is a Go program. With less garbage collection it takes a fifth less processor time, and on
    // one core a tenth less again; other tests use the other cores.
    env: { ...process.env, PATH, GOGC: '400', GOMAXPROCS: '1' },
    shell: true,
    encoding: 'utf8',
  });
  return { ok: status === 0, output: `${stdout}${stderr}` };
}

describe('the codebase', () => {
  test.each([
    ['is formatted', 'check:format'],
    ['type-checks, and passes the linter without a warning', 'lint'],
    ['has no unused code and no unused dependency', 'check:unused'],
  ])(
    '%s (npm run %s)',
    (_, script) => {
      const { ok, output } = run(script);
      if (!ok) throw new Error(output);
    },
    MINUTES,
  );

  test('`npm run check` runs all of these', () => {
    const named = Object.keys(scripts).filter((name) => name === 'lint' || name.startsWith('check:'));
    expect(scripts['check']).toBe(named.map((name) => `npm run --silent ${name}`).join(' && '));
  });

  test('CI runs the tests that `npm test` leaves out, and each of them is there', async () => {
    const { EXHAUSTIVE } = (await import(resolve('test/support/exhaustive.mjs'))) as { EXHAUSTIVE: string[] };
    expect(readFileSync('.ci/run', 'utf8')).toMatch(/^npm run --silent test:all$/m);
    const files = readdirSync('test', { recursive: true, encoding: 'utf8' }).map((path) => `test/${path}`);
    const missing = EXHAUSTIVE.filter((part) => !files.some((path) => path.startsWith(part)));
    expect(missing).toEqual([]);
  });

  test('no file is longer than 250 lines', () => {
    const long = sources('src').filter((path) => readFileSync(path, 'utf8').split('\n').length > 250);
    expect(long).toEqual([]);
  });

  test('secrets are revealed in few, known files', () => {
    const revealing = sources('src').filter(
      (path) => !path.includes('.test.') && /\.reveal\(\)/.test(readFileSync(path, 'utf8')),
    );
    expect(revealing.sort()).toEqual([...REVEALING].sort());
  });

  test('domain/ gets time and chance as arguments', () => {
    const impure = sources('src/domain').filter(
      (path) =>
        !path.includes('.test.') &&
        /\bperformance\.now|\bDate\.now|\bMath\.random|\bnew Date\(\)/.test(readFileSync(path, 'utf8')),
    );
    expect(impure).toEqual([]);
  });

  test('only sealing/ encrypts', () => {
    const encrypting = sources('src').filter((path) =>
      /create(Cipheriv|Decipheriv|SecretKey)/.test(readFileSync(path, 'utf8')),
    );
    expect(encrypting.filter((path) => !path.startsWith('src/sealing/'))).toEqual([]);
  });

  test('a file that reads import.meta.url is as deep in the bundle', () => {
    const asking = sources('src').filter((path) =>
      /import\.meta\.(url|dirname|filename)/.test(readFileSync(path, 'utf8')),
    );
    // One looks in every folder above it.
    const anywhere = ['src/token-store/migrations/migration-state.ts'];
    const deep = asking.filter((path) => !['src', 'src/cli'].includes(dirname(path)));
    expect(deep.filter((path) => !anywhere.includes(path))).toEqual([]);
  });

  test('the lockfile has every machine’s build of every package', () => {
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const locked = new Set(Object.keys(packages).map((path) => path.split('node_modules/').at(-1)));
    const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies),
    );
    // npm refuses the whole file otherwise, on a machine that has installed nothing yet.
    expect(wanted.filter((name) => !locked.has(name))).toEqual([]);
  });
});

/** Google, sealing and the answer that hands out a token; then what the broker itself made and must give away once. */
const REVEALING = [
  'src/access-tokens/grant-cache.ts', // a token, to its token_id
  'src/connect-tickets/connect-tickets.service.ts', // the ticket it just opened
  'src/callback/pending-consents.ts', // the completion code, to a keyed digest
  'src/cli/ads-credentials/configuration-formats.ts', // the configuration of a client library, which the user asked for
  'src/cli/ads-credentials/generate-user-credentials.ts', // the refresh token that the user asked for
  'src/cli/libraries/credential-formats.ts', // a delegated credential, into the file that the user asked for
  'src/cli/libraries/sidecar/metadata-server.ts', // the access token, to a library on this machine
  'src/cli/libraries/sidecar/sidecar.ts', // the same, into the file that gcloud reads
  'src/cli/libraries/sidecar/token-cache.ts', // to see whether it is another one
  'src/cli/libraries/token-request.ts', // the caller's own key, JWT or credential, to the broker
  'src/cli/libraries/token-source.ts', // headers for the file that the user asked for
  'src/cli/apply/new-secrets.ts', // the one showing of new keys and secrets
  'src/cli/service/create.ts', // the one showing of a new key
  'src/cli/credential/create.ts', // the one showing of a new handle
  'src/cli/webhook/webhook-options.ts', // the secret of a webhook: the one showing, and its form
  'src/services/delegated-credentials.controller.ts', // the same, to its service
  'src/google/ads/ads-http.client.ts', // the user's token, to the Google Ads API
  'src/google/oauth/jwt-bearer-grant.ts', // a service account's key, to sign what asks for a token
  'src/google/oauth/google-oauth.client.ts',
  'src/google/oauth/post-form.ts',
  'src/google/risc/risc-stream.ts', // the service account's token, to Google
  'src/google/service-account-key.ts', // its key, to sign that token
  'src/google/oauth/id-token-verifier.ts',
  'src/authorization/browser-binding-cookie.ts', // the browser's cookie
  'src/console/sign-in/browser-state.ts', // what it sealed into a browser's cookie
  'src/console/sign-in/identity-provider.ts', // the client secret, to the issuer
  'src/http/pagination/page-cursors.ts', // where a list goes on, for the next page
  'src/services/workload-jwt/workload-jwt-verifier.ts', // the JWT of a caller, to verify it
  'src/outbound/http-client.ts', // the password of the proxy
  'src/sealing/sealer.ts',
  'src/token-store/client/address-source.ts', // the URL of the database
  'src/token-store/client/database-address.ts', // its password, to pg
  'src/token-store/connects/connect-tickets.repository.ts', // a request and its outcome, from their seal
  'src/token-store/connects/pending-consents.repository.ts', // both tokens, into one seal
  'src/token-store/connects/pending-exchanges.repository.ts', // tokens whose account is not known yet, into one seal
  'src/token-store/grants/slot-rows.ts', // how Google names a token, into keyed digests
  'src/token-store/outbox/webhooks.repository.ts', // both secrets of a webhook, into one seal and out of it
  'src/declarations/check-declaration.ts', // the secret of a webhook, to check its form
  'src/domain/webhook/webhook-secrets.ts', // former secrets, to the new one
  'src/declarations/plan-declaration.ts', // the same, to see whether it is another one
  'src/tokens/token.response.ts',
  'src/webhooks/send-event.ts',
];

/** Each breaks one rule: the rule, the file, what it imports. */
const VIOLATIONS: readonly [string, string, string][] = [
  ['domain-is-pure', 'src/domain/broken-node.ts', 'node:fs'],
  ['domain-is-pure', 'src/domain/broken-nest.ts', '@nestjs/common'],
  ['operations-uses-what-is-declared', 'src/operations/broken-feature.ts', '../services/service-cache.js'],
  ['services-uses-what-is-declared', 'src/services/broken-feature.ts', '../operations/scheduler.js'],
  ['audit-uses-what-is-declared', 'src/audit/broken-feature.ts', '../services/service-cache.js'],
  [
    'security-events-uses-what-is-declared',
    'src/security-events/broken-feature.ts',
    '../operations/scheduler.js',
  ],
  [
    'service-accounts-uses-what-is-declared',
    'src/service-accounts/broken-feature.ts',
    '../services/service-registry.js',
  ],
  ['webhooks-uses-what-is-declared', 'src/webhooks/broken-feature.ts', '../grants/grants.module.js'],
  ['declarations-uses-what-is-declared', 'src/declarations/broken-feature.ts', '../grants/grants.module.js'],
  [
    'grants-uses-what-is-declared',
    'src/grants/broken-feature.ts',
    '../access-tokens/access-token.service.js',
  ],
  [
    'connect-tickets-uses-what-is-declared',
    'src/connect-tickets/broken-feature.ts',
    '../access-tokens/access-token.service.js',
  ],
  [
    'authorization-uses-what-is-declared',
    'src/authorization/broken-feature.ts',
    '../callback/complete-authorization.js',
  ],
  [
    'callback-uses-what-is-declared',
    'src/callback/broken-feature.ts',
    '../access-tokens/access-token.service.js',
  ],
  [
    'access-tokens-uses-what-is-declared',
    'src/access-tokens/broken-feature.ts',
    '../ads/ads-access.service.js',
  ],
  [
    'my-grants-uses-what-is-declared',
    'src/my-grants/broken-feature.ts',
    '../access-tokens/access-token.service.js',
  ],
  ['ads-uses-what-is-declared', 'src/ads/broken-feature.ts', '../tokens/token.response.js'],
  ['tokens-uses-what-is-declared', 'src/tokens/broken-feature.ts', '../callback/complete-authorization.js'],
  ['access-tokens-uses-what-is-declared', 'src/access-tokens/broken-http.ts', '../http/caller.decorator.js'],
  ['tokens-uses-what-is-declared', 'src/tokens/broken-store.ts', '../token-store/client/database.js'],
  ['adapters-know-no-feature', 'src/google/broken-adapter.ts', '../sealing/key-ring.js'],
  ['token-store-knows-no-feature', 'src/token-store/broken-feature.ts', '../grants/grants.module.js'],
  ['outbound-knows-no-caller', 'src/outbound/broken-google.ts', '../google/oauth/post-form.js'],
  ['tracing-knows-no-caller', 'src/tracing/broken-caller.ts', '../http/caller.decorator.js'],
  ['only-tracing-knows-open-telemetry', 'src/http/broken-sdk.ts', '@opentelemetry/api'],
  ['only-tracing-knows-open-telemetry', 'src/tracing/broken-sdk.ts', '@opentelemetry/sdk-trace'],
  ['only-the-entry-point-loads-open-telemetry', 'src/http/broken-otlp.ts', '../tracing/otlp.js'],
  ['few-modules-send-requests', 'src/tokens/broken-outbound.ts', '../outbound/http-client.js'],
  ['few-modules-send-requests', 'src/cli/broken-outbound.ts', '../outbound/fetch-json.js'],
  ['only-outbound-sends', 'src/google/broken-undici.ts', 'undici'],
  ['shared-code-knows-no-feature', 'src/http/broken-feature.ts', '../access-tokens/access-token.service.js'],
  ['console-uses-what-is-declared', 'src/console/broken-feature.ts', '../access-tokens/grant-cache.js'],
  ['views-of-the-console-are-views', 'src/console/views/broken-http.ts', '../../http/caller.decorator.js'],
  ['pages-are-views', 'src/pages/broken-http.ts', '../http/caller.decorator.js'],
  ['entry-points-are-imported-by-none', 'src/tokens/broken-root.ts', '../app.module.js'],
  ['only-google-reaches-google', 'src/tokens/broken-google.ts', 'google-auth-library'],
  ['only-token-store-knows-the-database', 'src/tokens/broken-prisma.ts', '@prisma/adapter-pg'],
  ['only-token-store-knows-the-database', 'src/tokens/broken-pg.ts', 'pg'],
  ['only-sealing-holds-keys', 'src/tokens/broken-jose.ts', 'jose'],
  ['only-sealing-holds-keys', 'src/services/broken-jose.ts', 'jose'],
  ['no-sandbox-in-the-broker', 'src/tokens/broken-sandbox.ts', '../../sandbox/google/stand-in.js'],
  ['stand-in-knows-no-broker', 'sandbox/google/broken-broker.ts', '../../src/domain/google/scopes.js'],
  ['clients-know-no-broker', 'clients/typescript/src/broken-broker.ts', '../../../src/domain/errors.js'],
  ['clients-know-no-broker', 'clients/typescript/src/broken-package.ts', 'undici'],
  ['no-circular-imports', 'src/domain/broken-circle.ts', './broken-ring.js'],
];

describe('the import rules', () => {
  let copy: string;
  /** The rule and the file of each import that is an error. */
  let errors: string[];
  let output: string;

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'token-broker-codebase-'));
    const configuration = ['package.json', 'tsconfig.json', '.dependency-cruiser.cjs'];
    for (const path of ['src', 'sandbox', 'bench', 'clients', ...configuration])
      cpSync(path, join(copy, path), { recursive: true });
    symlinkSync(join(process.cwd(), 'node_modules'), join(copy, 'node_modules'));
    for (const [, path, imported] of VIOLATIONS) writeFileSync(join(copy, path), `import '${imported}';\n`);
    writeFileSync(join(copy, 'src/domain/broken-ring.ts'), `import './broken-circle.js';\n`);
    ({ output } = run('check:imports', copy));
    errors = [...output.matchAll(/^ *error (\S+: \S+)/gm)].map(([, error = '']) => error);
  }, MINUTES);

  afterAll(() => {
    rmSync(copy, { recursive: true, force: true });
  });

  test('are kept by all files but those that break them on purpose (npm run check:imports)', () => {
    // One run serves both: a file that breaks a rule is imported by no other.
    const others = errors.filter((error) => !/\/broken-[a-z]+\.ts$/.test(error));
    if (others.length > 0 || errors.length === 0) throw new Error(output);
  });

  test('are each broken once on purpose', async () => {
    const { default: configuration } = (await import(resolve('.dependency-cruiser.cjs'))) as {
      default: { forbidden: { name: string }[] };
    };
    const names = configuration.forbidden.map(({ name }) => name);
    expect([...new Set(VIOLATIONS.map(([rule]) => rule))].sort()).toEqual(names.sort());
  });

  test.each(VIOLATIONS)('%s catches that %s imports %s', (rule, path) => {
    expect(errors).toContain(`${rule}: ${path}`);
  });
});
