/** A newcomer searches for the field's word and reads the first hit: these searches lead to the right file. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from '@jest/globals';

/** The word, and the file that explains it. */
const LOOKUPS: readonly [string, RegExp][] = [
  ['cache', /^(tokens\/response-cache|access-tokens\/grant-cache)\.ts$/],
  ['backoff', /^domain\/grant\/lease-and-backoff\.ts$/],
  ['guard', /^(services\/service-auth|console\/sign-in\/console)\.guard\.ts$/],
  ['repository', /^token-store\/.+\.repository\.ts$/],
  ['retry', /^webhooks\/retry-schedule\.ts$/],
  ['idempotent', /^(grants\/import-grants|token-store\/connects\/pending-exchanges\.repository)\.ts$/],
  ['AAD', /^token-store\/sealed\/aad\.ts$/],
  ['PKCE', /^authorization\/start-authorization\.ts$/],
  ['scheduler', /^operations\/scheduler\.ts$/],
  ['graceful shutdown', /^graceful-shutdown\.ts$/],
  ['heartbeat', /^token-store\/change-feed\/change-heartbeats\.ts$/],
  ['slots_full', /^authorization\/slot-check\.ts$/],
  ['cookie', /^authorization\/browser-binding-cookie\.ts$/],
  ['CSRF', /^authorization\/browser-binding-cookie\.ts$/],
  ['incremental', /^authorization\/start-authorization\.ts$/],
  ['circuit breaker', /^google\/oauth\/circuit-breaker\.ts$/],
  ['single flight', /^outbound\/shared-work\.ts$/],
  ['advisory lock', /^token-store\/(grants\/slot-bookings|migrations\/migration-lock)\.ts$/],
  ['privileges', /^token-store\/migrations\/runtime-privileges\.ts$/],
  ['cursor', /^http\/pagination\/page-cursors\.ts$/],
  ['distributed table', /^token-store\/distributed\//],
  ['Citus', /^token-store\/distributed\//],
  ['key rotation', /^sealing\/key-ring\.ts$/],
  ['webhook signature', /^webhooks\/send-event\.ts$/],
  ['crawl', /^ads\/account-tree-crawler\.ts$/],
];

/** Words of several meanings: the comment that opens each of these files, or its class, says which one is its own. */
const OPENINGS: readonly [string, string][] = [
  ['retry', 'webhooks/retry-schedule.ts'],
  ['retry', 'domain/grant/lease-and-backoff.ts'],
  ['idempotent', 'grants/import-grants.ts'],
  ['idempotent', 'token-store/connects/pending-exchanges.repository.ts'],
];

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.tsx?$/.test(path) && !/\.test\.|prisma-client/.test(path))
  .map((path) => ({ path, text: readFileSync(join('src', path), 'utf8').toLowerCase() }));

test.each(LOOKUPS)('the word %s leads to the right file on the first try', (word, right) => {
  expect(hits(word)[0]?.path).toMatch(right);
});

test.each(LOOKUPS)('the word %s is used in the right file, and is not only its name', (word, right) => {
  expect(hits(word).filter(({ path, count }) => right.test(path) && count > 0)).not.toEqual([]);
});

test.each(OPENINGS)('the word %s stands in the opening comment of %s', (word, path) => {
  const text = files.find((file) => file.path === path)?.text ?? '';
  const ofFile = /^\/\*[^]*?\*\//.exec(text)?.[0] ?? '';
  const ofClass = /\/\*\*(?:(?!\*\/)[^])*\*\/\n@injectable/.exec(text)?.[0] ?? '';
  expect(`${ofFile} ${ofClass}`).toContain(word);
});

/** Files whose name has the word come first; after that, those that use it most. */
function hits(word: string): { path: string; isNamed: boolean; count: number }[] {
  const text = word.toLowerCase();
  return files
    .map((file) => ({
      path: file.path,
      isNamed: basename(file.path).includes(text.replaceAll(' ', '-')),
      count: file.text.split(text).length - 1,
    }))
    .filter(({ isNamed, count }) => isNamed || count > 0)
    .sort((a, b) => Number(b.isNamed) - Number(a.isNamed) || b.count - a.count || (a.path < b.path ? -1 : 1));
}
