import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { hasPublicSuffix } from '../../config/redirect-uri-faults.js';
import { shown } from './parsed-uri.js';
import { brokenRules, findListed, REDIRECT_URI_RULES } from './redirect-uri.js';

interface Cases {
  readonly accepted: readonly string[];
  /** Each breaks the rule; where it cannot but break others too, they are named behind it. */
  readonly refused: readonly (string | readonly string[])[];
}

/** Cases of each rule: a new rule adds its own here. */
const CASES: Readonly<Record<string, Cases>> = {
  'whole-uri': {
    accepted: [
      'https://broker.example.com/callback',
      'https://Broker.Example.COM:8443/callback',
      'https://xn--bcher-kva.example.de',
    ],
    refused: [
      ['/callback', 'https'],
      ['urn:ietf:wg:oauth:2.0:oob', 'https'],
      'https:/broker.example.com/callback',
      'https:\\\\broker.example.com\\callback',
      'https://%62roker.example.com/callback',
      'https://broker.example.com\\callback',
    ],
  },
  https: {
    accepted: [
      'https://broker.example.com/callback',
      'http://localhost:3000/callback',
      'http://127.0.0.1/callback',
      'http://[::1]:3000/callback',
    ],
    refused: [
      'http://broker.example.com/callback',
      'ftp://localhost/callback',
      'http://localhost.example.com/callback',
      ['http://app.localhost/callback', 'public-suffix'],
      ['com.example.app:/callback', 'whole-uri'],
    ],
  },
  'no-raw-ip': {
    accepted: ['https://127.0.0.1/callback', 'http://[::1]/callback', 'https://10.example.com/callback'],
    refused: [
      'https://203.0.113.7/callback',
      'https://[2001:db8::1]/callback',
      ['https://0x7f.1/callback', 'whole-uri'],
      ['https://2130706433/callback', 'whole-uri'],
      ['http://127.0.0.2/callback', 'https'],
    ],
  },
  'public-suffix': {
    accepted: [
      'https://broker.example.co.uk/callback',
      'https://app.github.io/',
      'https://localhost/callback',
    ],
    refused: [
      'https://broker.internal/callback',
      'https://intranet/callback',
      'https://broker.default.svc.cluster.local/callback',
      'https://broker.test./callback',
    ],
  },
  'no-googleusercontent': {
    accepted: ['https://notgoogleusercontent.com/callback', 'https://googleusercontent.example.com/callback'],
    refused: [
      'https://googleusercontent.com/callback',
      'https://x.apps.googleusercontent.com/callback',
      'https://X.GoogleUserContent.com./callback',
    ],
  },
  'no-url-shortener': {
    accepted: [
      'https://goo.gl/google-callback',
      'https://bit.ly/app/google-callback/done',
      'https://habit.ly/callback',
    ],
    refused: [
      'https://goo.gl/callback',
      'https://www.bit.ly/callback',
      'https://tinyurl.com/google-callbacks',
      'https://t.co/x?y=/google-callback',
      'https://t.co/Google-Callback',
    ],
  },
  'no-userinfo': {
    accepted: ['https://broker.example.com/@alice', 'https://broker.example.com/callback?user=a@b'],
    refused: [
      'https://alice@broker.example.com/callback',
      'https://alice:password@broker.example.com/callback',
      'https://@broker.example.com/callback',
      ['https://other.example.com\\@broker.example.com/callback', 'whole-uri'],
    ],
  },
  'no-path-traversal': {
    accepted: [
      'https://broker.example.com/a..b',
      'https://broker.example.com/.well-known/callback',
      'https://broker.example.com/a../b',
      'https://broker.example.com/%2e',
    ],
    refused: [
      'https://broker.example.com/a/../callback',
      'https://broker.example.com/callback/..',
      'https://broker.example.com/a\\..\\callback',
      ['https://broker.example.com\\..\\callback', 'whole-uri'],
      'https://broker.example.com/a/%2e%2e/callback',
      'https://broker.example.com/a/.%2Ecallback',
      'https://broker.example.com/a%2f..%2fcallback',
      'https://broker.example.com/a%5C%2E.',
      'https://broker.example.com/a/%252e%252e/callback',
      'https://broker.example.com/a/%c0%ae%c0%ae/callback',
      'https://broker.example.com/a%C0%AF..',
    ],
  },
  'no-open-redirect': {
    accepted: [
      'https://broker.example.com/callback?source=google',
      'https://broker.example.com/callback?next=/home&at=12:30',
    ],
    refused: [
      'https://broker.example.com/callback?next=https://other.example.com',
      'https://broker.example.com/callback?a=b&next=//other.example.com',
      'https://broker.example.com/callback?next=%2F%5Cother.example.com',
      'https://broker.example.com/callback?next=+https%253A%252F%252Fother.example.com',
      'https://broker.example.com/callback?a=b;next=//other.example.com',
      'https://broker.example.com/callback?https://other.example.com',
      'https://broker.example.com/callback?next=JavaScript:alert(1)',
    ],
  },
  'no-fragment': {
    accepted: ['https://broker.example.com/callback', 'https://broker.example.com/callback/%23top'],
    refused: ['https://broker.example.com/callback#top', 'https://broker.example.com/callback#'],
  },
  'no-wildcard': {
    accepted: ['https://any.example.com/callback', 'https://broker.example.com/%2A'],
    refused: [
      'https://*.example.com/callback',
      'https://broker.example.com/*',
      'https://broker.example.com/callback?x=*',
    ],
  },
  'printable-ascii': {
    accepted: ['https://broker.example.com/~alice!', 'https://broker.example.com/caf%C3%A9'],
    refused: [
      'https://broker.example.com/call\tback',
      'https://broker.example.com/callback\n',
      [' https://broker.example.com/callback', 'https'],
      'https://broker.example.com/\u007f',
      'https://broker.example.com/café',
      'https://broker.example.com/.\t./callback',
      ['https://bücher.example.com/', 'whole-uri'],
    ],
  },
  'percent-encoding': {
    accepted: ['https://broker.example.com/100%25', 'https://broker.example.com/%C3%A9'],
    refused: [
      'https://broker.example.com/100%',
      'https://broker.example.com/%zz',
      'https://broker.example.com/callback?x=%2',
    ],
  },
  'no-nul': {
    accepted: ['https://broker.example.com/%30', 'https://broker.example.com/%C3%80'],
    refused: [
      'https://broker.example.com/callback%00',
      'https://broker.example.com/%c0%80',
      'https://broker.example.com/callback?x=%2500',
      'https://broker.example.com/%E0%80%80',
    ],
  },
};

describe.each(REDIRECT_URI_RULES.map(({ rule }) => rule))('the rule %s', (rule) => {
  const { accepted, refused } = CASES[rule] ?? { accepted: [], refused: [] };

  test('has its cases, and its heading for users', () => {
    expect(accepted.length).toBeGreaterThanOrEqual(2);
    expect(refused.length).toBeGreaterThanOrEqual(2);
    expect(readFileSync('docs/redirect-uris.md', 'utf8')).toContain(`\n### \`${rule}\`\n`);
  });

  test.each(accepted)('accepts %j', (uri) => {
    expect(namesOf(uri)).toEqual([]);
  });

  const lists = refused.map((each) => (typeof each === 'string' ? [each] : [...each]));
  test.each(lists)('refuses %j', (uri = '', ...others: string[]) => {
    expect(namesOf(uri).sort()).toEqual([rule, ...others].sort());
  });
});

const namesOf = (uri: string) => brokenRules(uri, hasPublicSuffix).map(({ rule }) => rule);

test('the public suffix list is looked up by the host alone', () => {
  const asked: string[] = [];
  brokenRules('https://a:b@Broker.Example.com.:8443/callback?x=y', (host) => asked.push(host) > 0);
  expect(asked).toEqual(['broker.example.com']);
});

describe('the exact match of a redirect URI', () => {
  const listed = ['https://broker.example.com/callback', 'http://localhost:3000/'];

  test.each(listed)('finds %s in the list', (uri) => {
    expect(findListed(uri, listed)).toBe('listed');
  });

  test.each([
    ['http://broker.example.com/callback', 'scheme'],
    ['https://localhost:3000/', 'scheme'],
    ['https://broker.example.com/Callback', 'case'],
    ['https://BROKER.example.com/callback', 'case'],
    ['https://broker.example.com/callback/', 'trailing slash'],
    ['http://localhost:3000', 'trailing slash'],
  ])('does not find %s, and says that it differs in the %s', (uri, differsIn) => {
    expect(findListed(uri, listed)).toMatchObject({ differsIn });
  });

  test.each(['https://broker.example.com/callback2', 'https://broker.example.com/callback?x'])(
    'takes %s for a different one',
    (uri) => {
      expect(findListed(uri, listed)).toBeNull();
    },
  );
});

test('a URI is shown without its password and without control characters', () => {
  expect(shown('https://alice:pass@word@a.example.com/\u001b[2J\u009b')).toBe(
    'https://[hidden]@a.example.com/\\u{1b}[2J\\u{9b}',
  );
  expect(shown('https://broker.example.com/@alice')).toBe('https://broker.example.com/@alice');
});
