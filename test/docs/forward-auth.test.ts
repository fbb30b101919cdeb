/** A header that a proxy does not pass on is a parameter that the broker never sees: the lists of the samples are whole. */
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { PARAMETER_HEADERS } from '../../src/tokens/authz.dto.js';

const page = readFileSync('docs/forward-auth.md', 'utf8');
const section = (title: string) => page.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
const EVERY = [...PARAMETER_HEADERS].sort();

/** The parameters among some headers. */
const parametersOf = (headers: readonly string[]) =>
  headers
    .map((name) => name.toLowerCase())
    .filter((name) => name.startsWith('x-token-broker-'))
    .sort();

test('docs/forward-auth.md names each header that is a parameter of GET /authz, and no other', () => {
  const named = section('The request').matchAll(/`(?:X-Token-Broker)?-([A-Z][A-Za-z-]*)`/g);
  const headers = [...named].map(([, name = '']) => `x-token-broker-${name}`);
  expect(parametersOf(headers)).toEqual(EVERY);
});

test('the sample for Traefik passes each parameter on to GET /authz, and none to Google', () => {
  const [, yaml = ''] = /^```yaml\n([^]*?)^```/m.exec(section('Traefik')) ?? [];
  const { forwardAuth } = (parse(yaml) as Sample).http.middlewares['google-token'];
  expect(parametersOf(forwardAuth.authRequestHeaders)).toEqual(EVERY);
  expect(parametersOf(forwardAuth.authResponseHeaders)).toEqual(EVERY);
});

test('the sample for nginx sends no parameter to Google', () => {
  const file = readFileSync('deploy/nginx/google-apis.conf', 'utf8');
  const removed = [...file.matchAll(/proxy_set_header (x-token-broker-\S+) "";/gi)];
  expect(parametersOf(removed.map(([, name = '']) => name))).toEqual(EVERY);
});

interface Sample {
  readonly http: {
    readonly middlewares: {
      readonly 'google-token': {
        readonly forwardAuth: {
          readonly authRequestHeaders: readonly string[];
          readonly authResponseHeaders: readonly string[];
        };
      };
    };
  };
}
