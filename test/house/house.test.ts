/**
 * The house keeps its own rules: format, lint, types, import laws, dead code. Each law is shown to bite, by a file
 * that breaks it on purpose, in a copy of the house.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const MINUTES = 2 * 60_000;

function run(script: string): { ok: boolean; output: string } {
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', script], { encoding: 'utf8' });
  return { ok: status === 0, output: `${stdout}${stderr}` };
}

describe('the house', () => {
  test.each([
    ['is formatted', 'check:format'],
    ['passes the linter without a warning', 'lint'],
    ['type-checks', 'check:types'],
    ['keeps its import laws', 'check:imports'],
    ['has no dead code and no unused dependency', 'check:unused'],
  ])(
    '%s',
    (_, script) => {
      const { ok, output } = run(script);
      if (!ok) throw new Error(output);
    },
    MINUTES,
  );

  test('every file says less than 250 lines', () => {
    const long = sources('src').filter((path) => readFileSync(path, 'utf8').split('\n').length > 250);
    expect(long).toEqual([]);
  });

  test('secrets are revealed in few, known places', () => {
    const revealing = sources('src').filter(
      (path) => !path.includes('.test.') && /\.reveal\(\)/.test(readFileSync(path, 'utf8')),
    );
    expect(revealing.sort()).toEqual(REVEALING);
  });

  test('only sealing/ encrypts', () => {
    const encrypting = sources('src').filter((path) =>
      /create(Cipheriv|Decipheriv|SecretKey)/.test(readFileSync(path, 'utf8')),
    );
    expect(encrypting.filter((path) => !path.startsWith('src/sealing/'))).toEqual([]);
  });

  test('who asks for its own place is as deep in the bundle', () => {
    const asking = sources('src').filter((path) =>
      /import\.meta\.(url|dirname|filename)/.test(readFileSync(path, 'utf8')),
    );
    // One looks in every folder above it.
    const anywhere = ['src/token-store/migration-state.ts'];
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
  'src/authorization/connect-ticket.ts', // the ticket it just opened
  'src/callback/hold-consent.ts', // the completion code, to a keyed digest
  'src/cli/client-config/formats.ts', // the configuration of a client library, which the user asked for
  'src/cli/generate-user-credentials.ts', // the refresh token that the user asked for
  'src/cli/service-create.ts', // the one showing of a new key
  'src/google/ads-requests.ts', // the user's token, to the Google Ads API
  'src/google/ask-by-assertion.ts', // a service account's key, to sign what asks for a token
  'src/google/oauth-google.ts',
  'src/google/post-form.ts',
  'src/google/risc-stream.ts', // the service account's token, to Google
  'src/google/service-account.ts', // its key, to sign that token
  'src/google/verify-id-token.ts',
  'src/http/browser-key.ts', // the browser's cookie
  'src/http/page-cursors.ts', // where a list goes on, for the next page
  'src/identity/jwt-workload-identities.ts', // the JWT that a service came with, to check it
  'src/outbound/http-client.ts', // the password of the proxy
  'src/sealing/jwe-sealer.ts',
  'src/token-store/address-source.ts', // the URL of the database
  'src/token-store/database-address.ts', // its password, to pg
  'src/token-store/prisma-pending-consents.ts', // both tokens, into one seal
  'src/token-store/prisma-pending-exchanges.ts', // tokens whose account is not known yet, into one seal
  'src/token-store/slot-bookings.ts', // how Google names a token, into keyed digests
  'src/tokens/token-answer.ts',
  'src/webhooks/sign-message.ts',
];

/** Each breaks one law: the law, the file, what it imports. */
const VIOLATIONS: readonly [string, string, string][] = [
  ['domain-is-pure', 'src/domain/broken-node.ts', 'node:fs'],
  ['domain-is-pure', 'src/domain/broken-nest.ts', '@nestjs/common'],
  ['features-stand-apart', 'src/tokens/broken-feature.ts', '../callback/complete-authorization.js'],
  ['features-stand-apart', 'src/service-accounts/broken-feature.ts', '../services/create-service.js'],
  ['features-stand-apart', 'src/tokens/broken-adapter.ts', '../token-store/database.js'],
  ['features-stand-apart', 'src/ads/broken-feature.ts', '../tokens/get-access-token.js'],
  ['adapters-stand-apart', 'src/google/broken-adapter.ts', '../sealing/key-ring.js'],
  ['adapters-stand-apart', 'src/identity/broken-adapter.ts', '../sealing/key-ring.js'],
  ['outbound-knows-no-one', 'src/outbound/broken-google.ts', '../google/post-form.js'],
  ['few-send-requests', 'src/tokens/broken-outbound.ts', '../outbound/http-client.js'],
  ['few-send-requests', 'src/cli/broken-outbound.ts', '../outbound/fetch-json.js'],
  ['only-outbound-sends', 'src/google/broken-undici.ts', 'undici'],
  ['what-all-share-knows-no-feature', 'src/http/broken-feature.ts', '../tokens/get-access-token.js'],
  ['pages-are-views', 'src/pages/broken-http.ts', '../http/caller.js'],
  ['only-roots-see-roots', 'src/tokens/broken-root.ts', '../app.module.js'],
  ['only-google-reaches-google', 'src/tokens/broken-google.ts', 'google-auth-library'],
  ['only-token-store-knows-the-database', 'src/tokens/broken-prisma.ts', '@prisma/adapter-pg'],
  ['only-token-store-knows-the-database', 'src/tokens/broken-pg.ts', 'pg'],
  ['only-sealing-holds-keys', 'src/tokens/broken-jose.ts', 'jose'],
  ['only-sealing-holds-keys', 'src/services/broken-jose.ts', 'jose'],
  ['no-sandbox-in-the-broker', 'src/tokens/broken-sandbox.ts', '../../sandbox/google/stand-in.js'],
  ['stand-in-knows-no-broker', 'sandbox/google/broken-broker.ts', '../../src/domain/scopes.js'],
  ['no-circles', 'src/domain/broken-circle.ts', './broken-ring.js'],
];

describe('each import law catches a deliberate violation', () => {
  let copy: string;
  let output: string;

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'token-broker-house-'));
    const keep = ['src', 'sandbox', 'package.json', 'tsconfig.json', '.dependency-cruiser.cjs'];
    for (const path of keep) cpSync(path, join(copy, path), { recursive: true });
    symlinkSync(join(process.cwd(), 'node_modules'), join(copy, 'node_modules'));
    for (const [, path, imported] of VIOLATIONS) writeFileSync(join(copy, path), `import '${imported}';\n`);
    writeFileSync(join(copy, 'src/domain/broken-ring.ts'), `import './broken-circle.js';\n`);
    output = spawnSync('depcruise', ['src', 'sandbox'], { cwd: copy, encoding: 'utf8' }).stdout;
  }, MINUTES);

  afterAll(() => {
    rmSync(copy, { recursive: true, force: true });
  });

  test.each(VIOLATIONS)('%s: %s imports %s', (law, path) => {
    expect(output).toContain(`error ${law}: ${path}`);
  });
});

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.parentPath.includes('prisma-client'),
    )
    .map((entry) => relative('.', join(entry.parentPath, entry.name)));
}
