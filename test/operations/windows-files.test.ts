/** Text files that people hand over may come from Windows: a byte order mark, UTF-16 as PowerShell writes it, CRLF. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeText } from '../../src/config/configuration-files.js';
import { emptyFolder, startTokenBroker, tokenBroker } from '../cli/token-broker.js';
import { startTestBed, type TestBed } from '../support/test-bed.js';

const ENCODINGS: readonly [string, (text: string) => Buffer][] = [
  ['UTF-8 with a byte order mark', (text) => Buffer.from(`\uFEFF${text}`)],
  ['UTF-8 with two byte order marks', (text) => Buffer.from(`\uFEFF\uFEFF${text}`)],
  ['UTF-16, little endian', (text) => Buffer.from(`\uFEFF${text}`, 'utf16le')],
  ['UTF-16, big endian', (text) => Buffer.from(`\uFEFF${text}`, 'utf16le').swap16()],
];

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
});
afterAll(() => bed.stop());

describe.each(ENCODINGS)('a file in %s with CRLF', (_, encode) => {
  const write = (folder: string, name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, encode(text.replaceAll(/\r?\n/g, '\r\n')), { mode: 0o600 });
    return path;
  };

  test('is read as every file of the configuration (.env, clients, key ring, database URL, issuers and their keys)', async () => {
    const folder = emptyFolder();
    const { KEY_RING_FILE = '', DATABASE_URL = '', GOOGLE_CLIENT_SECRETS = '' } = bed.settings;
    const [, client = ''] = /default=([^,]+)/.exec(GOOGLE_CLIENT_SECRETS) ?? [];
    const jwks = { keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }] };
    const issuers = [
      {
        issuer: 'https://issuer.example.com',
        audience: 'token-broker',
        jwks_file: write(folder, 'jwks.json', JSON.stringify(jwks, null, 2)),
      },
    ];
    const settings = {
      ...bed.settings,
      KEY_RING_FILE: write(folder, 'key-ring.json', readFileSync(KEY_RING_FILE, 'utf8')),
      GOOGLE_CLIENT_SECRETS: write(folder, 'client.json', readFileSync(client, 'utf8')),
      DATABASE_URL: '',
      DATABASE_URL_FILE: write(folder, 'database-url', `${DATABASE_URL}\n`),
      SERVICE_ISSUERS_FILE: write(folder, 'issuers.json', JSON.stringify(issuers, null, 2)),
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
    write(folder, '.env', `${lines.join('')}# the end\n`);
    const listed = await tokenBroker(['service', 'list', '--json'], {}, folder);
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(listed.stdout)).toMatchObject({ services: [expect.anything()] });
  });

  test('is read where two such files were put together', () => {
    const [one, two] = ['{"a": 1}\r\n', '{"b": 2}\r\n'].map((text) => encode(text));
    expect(decodeText(Buffer.concat([one ?? Buffer.of(), two ?? Buffer.of()]))).toBe(
      '{"a": 1}\r\n{"b": 2}\r\n',
    );
  });

  test('is read as a secret from a file and from standard input', async () => {
    const folder = emptyFolder();
    const [, client = ''] = /default=([^,]+)/.exec(bed.settings['GOOGLE_CLIENT_SECRETS'] ?? '') ?? [];
    const file = write(folder, 'token', '1//refresh-token\n');
    const args = [
      'client-config',
      '--format',
      'python',
      '-c',
      client,
      '--output',
      '-',
      '--refresh_token_file',
    ];
    const fromFile = await tokenBroker([...args, file]);
    const input = encode('1//refresh-token\r\n');
    const fromInput = await startTokenBroker([...args, '-'], {}, folder, input).finished;
    for (const { code, stdout } of [fromFile, fromInput]) {
      expect(code).toBe(0);
      expect(stdout).toContain('refresh_token: "1//refresh-token"');
    }
  });
});
