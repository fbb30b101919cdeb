/** Each format is read back by its own parser: what a library would read. */
import fc from 'fast-check';
import { execFile, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse as parseProperties } from 'dot-properties';
import { XMLParser } from 'fast-xml-parser';
import { parse as parseIni } from 'ini';
import { parse as parseYaml } from 'yaml';
import { type StandIn, startStandIn } from '../../sandbox/google/stand-in.js';
import {
  libraryConfiguration,
  type LibraryFormat,
} from '../../src/cli/ads-credentials/configuration-formats.js';
import { Secret } from '../../src/domain/secret.js';
import { ADS, ALICE } from '../support/test-bed.js';
import { visitConsent } from '../support/visit-consent.js';
import { emptyFolder, startTokenBroker, tokenBroker } from './token-broker.js';

interface Values {
  clientId: string;
  clientSecret: string;
  refreshToken: string;
  developerToken: string;
}

const IDS = { loginCustomerId: '1234567890', linkedCustomerId: '0987654321' };

/** What gets misread somewhere: quotes, comments, separators, escapes, variables, words and numbers that mean something. */
const TRICKY = [
  `"double" 'single' \`back\``,
  '# no comment ; nor this ! nor this',
  'a=b:c => d',
  String.raw`\ \\ \n \u0041 \" \' ends in \\`,
  String.raw`one \ at the end: \ `.trimEnd(),
  ' space before and after ',
  'é ß 漢字 😀 \u2028 \ufeff',
  '<a href="x">&amp;</a> ]]> <!-- -->',
  '${HOME} #{ENV} $HOME %PATH% @home',
  '"whole in quotes"',
  ...['null', 'yes', 'no', 'true', 'off', '~', '0123', '1e5', '-', '[a]', '{b}', '*', '&c', '|', '%'],
];

function write(
  format: LibraryFormat,
  { clientId, clientSecret, refreshToken, developerToken }: Values,
): string {
  return libraryConfiguration(format, {
    clientId,
    clientSecret: new Secret(clientSecret),
    refreshToken: new Secret(refreshToken),
    developerToken: new Secret(developerToken),
    ...IDS,
  });
}

interface Reader {
  readonly read: (text: string) => Record<string, unknown>;
  /** Where it finds what `inOrder` names. */
  readonly names: readonly string[];
}

const CAMEL = [
  'clientId',
  'clientSecret',
  'refreshToken',
  'developerToken',
  'loginCustomerId',
  'linkedCustomerId',
] as const;
const SNAKE = CAMEL.map((name) => name.replace(/[A-Z]/g, (payload) => `_${payload.toLowerCase()}`));

/** Parsers of npm. */
const READERS: readonly (readonly [LibraryFormat, Reader])[] = [
  ['python', { read: (text) => parseYaml(text) as Record<string, unknown>, names: SNAKE }],
  ['java', { read: (text) => parseProperties(text), names: CAMEL.map((name) => `api.googleads.${name}`) }],
  [
    'php',
    {
      read: (text) => {
        const { GOOGLE_ADS, OAUTH2 } = parseIni(text) as Record<string, object>;
        return { ...GOOGLE_ADS, ...OAUTH2 };
      },
      names: CAMEL,
    },
  ],
  [
    'csharp',
    {
      read: readAppConfig,
      names: [
        ...['OAuth2ClientId', 'OAuth2ClientSecret', 'OAuth2RefreshToken'],
        ...['DeveloperToken', 'LoginCustomerId', 'LinkedCustomerId'],
      ],
    },
  ],
  [
    'csharp-code',
    {
      read: readObjectInitializer,
      names: [
        ...['OAuth2ClientId', 'OAuth2ClientSecret', 'OAuth2RefreshToken'],
        ...['DeveloperToken', 'LoginCustomerId', 'LinkedCustomerId'],
      ],
    },
  ],
];

/** C#'s string literals, as far as they are used, are those of JSON. */
function readObjectInitializer(text: string): Record<string, string> {
  const found = text.matchAll(/^ {8}(\w+) = ("(?:[^"\\]|\\.)*"),?$/gm);
  return Object.fromEntries(
    [...found].map(([, name = '', literal = '']) => [name, JSON.parse(literal) as string]),
  );
}

function readAppConfig(text: string): Record<string, string> {
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '',
    parseAttributeValue: false,
    trimValues: false,
    isArray: (name) => name === 'add',
  });
  const { configuration } = parser.parse(text) as {
    configuration: { GoogleAdsApi: { add: { key: string; value: string }[] } };
  };
  return Object.fromEntries(configuration.GoogleAdsApi.add.map(({ key, value }) => [key, value]));
}

const inOrder = ({ clientId, clientSecret, refreshToken, developerToken }: Values) => [
  clientId,
  clientSecret,
  refreshToken,
  developerToken,
  IDS.loginCustomerId,
  IDS.linkedCustomerId,
];

/** Anything a file can hold: no control characters, no halves of a surrogate pair, no U+FFFE and U+FFFF. */
const value = fc
  .oneof(fc.constantFrom(...TRICKY), fc.string({ unit: 'binary', minLength: 1 }), fc.string({ minLength: 1 }))
  .map((text) => text.replace(/\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu, '.'));

const values = fc.record({
  clientId: value,
  clientSecret: value,
  refreshToken: value,
  developerToken: value,
});

/** PHP has no way to write these: see library-files.ts. */
const isBeyondPhp = (text: string) => text.includes('${') && text.includes("'");

/**
 * Where npm's ini differs from PHP, which is asked itself below: it runs JSON.parse over what stands between single
 * quotes, makes words of "true" and the like also in quotes, and ends a line at U+2028.
 */
const isMisreadByIni = (text: string) =>
  text.includes('${') || /[\u2028\u2029]|^(true|false|null)$/.test(text);

describe.each(READERS)('the parser of %s', (format, { read, names }) => {
  test('reads what was written, for all values', () => {
    fc.assert(
      fc.property(values, (given) => {
        fc.pre(format !== 'php' || !inOrder(given).some(isMisreadByIni));
        const found = read(write(format, given));
        expect(names.map((name) => found[name])).toEqual(inOrder(given));
      }),
      { numRuns: 200 },
    );
  });
});

test.each([...READERS.map(([format]) => format), 'ruby', 'perl'] as const)(
  '%s refuses line breaks, other control characters and empty values, and does not show them',
  (format) => {
    for (const bad of ['GOCSPX-a\nb', 'GOCSPX-a\rb', 'a\u0000b', 'a\u0085b', '\ud800', '']) {
      const given = { clientId: 'id', clientSecret: bad, refreshToken: 'r', developerToken: 'd' };
      expect(() => write(format, given)).toThrow(/^The client secret (holds|is empty)(?!.*GOCSPX)/);
    }
  },
);

test('csharp-code has the form of the guide, and App.config says what the library needs to read it', () => {
  const given = { clientId: 'id', clientSecret: 's"', refreshToken: 'r', developerToken: 'd' };
  expect(write('csharp-code', given)).toContain(
    [
      '    public static readonly GoogleAdsConfig Config = new GoogleAdsConfig()',
      '    {',
      '        OAuth2Mode = OAuth2Flow.APPLICATION,',
      '        DeveloperToken = "d",',
      '        OAuth2ClientId = "id",',
      String.raw`        OAuth2ClientSecret = "s\"",`,
      '        OAuth2RefreshToken = "r",',
      '        LoginCustomerId = "1234567890",',
      '        LinkedCustomerId = "0987654321"',
      '    };',
    ].join('\n'),
  );
  expect(write('csharp', given)).toMatch(
    /Google\.Ads\.GoogleAds\.Extensions.*\n.*LoadFromDefaultAppConfigSection\(\)/,
  );
});

test('ruby gets a log level and a target, without which its library complains', () => {
  const given = { clientId: 'id', clientSecret: 's', refreshToken: 'r', developerToken: 'd' };
  expect(write('ruby', given)).toContain("  c.log_level = 'WARN'\n  c.log_target = STDERR\nend\n");
});

test('php refuses what its ini files cannot hold', () => {
  const given = { clientId: 'id', clientSecret: `\${a}'`, refreshToken: 'r', developerToken: 'd' };
  expect(() => write('php', given)).toThrow(/clientSecret holds both/);
});

/** The languages themselves, each asked once for all tricky values; it prints what it read as JSON, file by file. */
const LANGUAGES: readonly (readonly [LibraryFormat, string, string[]])[] = [
  [
    'php',
    'php',
    [
      '-r',
      'foreach (array_slice($argv, 1) as $f) { $i = parse_ini_file($f, true, INI_SCANNER_TYPED);' +
        ' echo json_encode($i["OAUTH2"] + $i["GOOGLE_ADS"]), "\n"; }',
    ],
  ],
  [
    'ruby',
    'ruby',
    [
      '-rjson',
      '-e',
      `module Google; module Ads; module GoogleAds; class Config
         attr_accessor :log_level, :log_target, ${SNAKE.map((name) => `:${name}`).join(', ')}
         def initialize; yield self; end
       end; end; end; end
       ARGV.each { |f| c = eval(File.read(f, encoding: 'utf-8'))
         puts JSON.generate(${JSON.stringify(CAMEL)}.zip([${SNAKE.map((name) => `c.${name}`).join(', ')}]).to_h) }`,
    ],
  ],
  [
    // As the library's Client.pm reads it: no module, no unquoting.
    'perl',
    'perl',
    [
      '-MJSON::PP',
      '-e',
      'for my $f (@ARGV) { open(my $in, "<:encoding(UTF-8)", $f) or die $!; my %p;' +
        ' while (my $line = <$in>) { chomp $line; next if $line =~ /^#/; my ($k, $v) = split /=/, $line, 2; $p{$k} = $v }' +
        ' print JSON::PP->new->utf8->encode(\\%p), "\n" }',
    ],
  ],
  [
    'python',
    'python3',
    [
      '-c',
      `import json, sys, yaml
for f in sys.argv[1:]:
    read = yaml.safe_load(open(f, 'rb'))
    print(json.dumps(dict(zip(${JSON.stringify(CAMEL)}, [read[name] for name in ${JSON.stringify(SNAKE)}]))))`,
    ],
  ],
];

describe.each(LANGUAGES)('the language %s itself', (format, command, args) => {
  const probe = command === 'python3' ? ['-c', 'import yaml'] : ['--version'];
  const isHere = spawnSync(command, probe).status === 0;
  const ask = isHere ? test : test.skip;

  ask(`reads what was meant${isHere ? '' : ` (skipped: there is no ${command} for it on the PATH)`}`, () => {
    const folder = emptyFolder();
    const wanted = TRICKY.filter((text) => format !== 'php' || !isBeyondPhp(text)).map((text) => ({
      clientId: text,
      clientSecret: `x${text}`,
      refreshToken: `${text}x`,
      developerToken: text + text,
    }));
    const files = wanted.map((given, index) => {
      const path = join(folder, String(index));
      writeFileSync(path, write(format, given));
      return path;
    });
    const { stdout, stderr } = spawnSync(command, [...args, ...files], { encoding: 'utf8' });
    expect(stderr).toBe('');
    const read = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(read.map((found) => CAMEL.map((name) => found[name]))).toEqual(wanted.map(inOrder));
  });
});

describe('token-broker client-config', () => {
  let google: StandIn;
  const folder = emptyFolder();
  const clientFile = join(folder, 'client.json');
  const tokenFile = join(folder, 'token.txt');
  const base = ['client-config', '-c', clientFile];

  beforeAll(async () => {
    google = await startStandIn({
      clients: [
        { clientId: 'desk', clientSecret: 'GOCSPX-#1', projectId: 'p', kind: 'installed', redirectUris: [] },
      ],
      accounts: [ALICE],
    });
    writeFileSync(clientFile, JSON.stringify(google.clientSecretJson('desk')));
    writeFileSync(tokenFile, '1//from-a-file\r\n');
  });
  afterAll(() => google.close());

  test('writes a private file, and never over another one without --force', async () => {
    const options = [...base, '--format', 'python', '--refresh_token_file', tokenFile];
    const cwd = emptyFolder();
    const path = join(cwd, 'google-ads.yaml');
    const more = ['--login_customer_id', '123-456-7890', '--json'];
    const first = await tokenBroker([...options, ...more], {}, cwd);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(first.stdout)).toEqual({ format: 'python', file: path });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const written = readFileSync(path, 'utf8');
    expect(parseYaml(written)).toEqual({
      client_id: 'desk',
      client_secret: 'GOCSPX-#1',
      refresh_token: '1//from-a-file',
      login_customer_id: '1234567890',
      use_proto_plus: true,
    });

    // Readable by all, a link elsewhere, and with another content: what --force must not leave behind.
    const elsewhere = join(emptyFolder(), 'elsewhere');
    writeFileSync(elsewhere, 'kept');
    const link = join(cwd, 'link.yaml');
    symlinkSync(elsewhere, link);
    chmodSync(path, 0o644);
    const [refused, throughLink] = await Promise.all([
      tokenBroker(options, {}, cwd),
      startTokenBroker(
        [...base, '--format', 'python', '--refresh_token_file', '-', '--output', link, '--force'],
        {},
        cwd,
        '1//new\n',
      ).finished,
    ]);
    expect(refused).toMatchObject({
      code: 3,
      stdout: '',
      stderr: `${path} exists already and was not touched. Name another file with --output, or replace it with --force.\n`,
    });
    expect(readFileSync(path, 'utf8')).toBe(written);
    expect(throughLink.code).toBe(0);
    expect(readFileSync(elsewhere, 'utf8')).toBe('kept');
    expect(parseYaml(readFileSync(link, 'utf8'))).toMatchObject({ refresh_token: '1//new' });
    expect((await tokenBroker([...options, '--force'], {}, cwd)).code).toBe(0);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(cwd).sort()).toEqual(['google-ads.yaml', 'link.yaml']);
  });

  test('refuses wrong usage and missing files, each with its exit code', async () => {
    const token = ['--refresh_token_file', tokenFile];
    const cases: readonly (readonly [string[], number, RegExp])[] = [
      [['client-config'], 2, /'--format <format>' not specified/],
      [
        [...base, '--format', 'cobol'],
        2,
        /Allowed choices are python, java, php, ruby, perl, csharp, csharp-code, curl/,
      ],
      [[...base, '--format', 'java'], 2, /--refresh_token_file is needed/],
      [
        [...base, '--format', 'java', '--refresh_token_file', '-', '--developer_token_file', '-'],
        2,
        /only one/,
      ],
      [
        [
          ...base,
          '--format',
          'java',
          ...token,
          '--developer_token',
          'x',
          '--developer_token_file',
          tokenFile,
        ],
        2,
        /both name the developer token/,
      ],
      [[...base, '--format', 'java', '--access_token_file', tokenFile], 2, /java needs a refresh token/],
      [[...base, '--format', 'java', ...token, '--login_customer_id', '123 456 7890'], 2, /ten digits/],
      [
        [...base, '--format', 'java', '--refresh_token_file', join(folder, 'no')],
        13,
        /cannot be read from .*ENOENT/,
      ],
      [['client-config', '-c', tokenFile, '--format', 'java', ...token], 14, /is not JSON/],
      [
        [...base, '--format', 'java', ...token, '--output', join(folder, 'no', 'x')],
        4,
        /folder of .* does not exist/,
      ],
    ];
    const runs = await Promise.all(cases.map(([args]) => tokenBroker(args)));
    runs.forEach(({ code, stdout, stderr }, index) => {
      const [, exitCode, says] = cases[index] ?? [];
      expect({ code, stdout, stderr }).toEqual({
        code: exitCode,
        stdout: '',
        stderr: expect.stringMatching(says ?? /^$/),
      });
    });
    expect(existsSync(join(folder, 'ads.properties'))).toBe(false);
  });

  test('makes curl send exactly these headers', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const api = createServer((request, response) => {
      seen.push(request.headers);
      response.end();
    }).listen(0, '127.0.0.1');
    // A failed test does not wait for it.
    api.unref();
    await new Promise((done) => api.once('listening', done));
    const out = join(emptyFolder(), 'headers.txt');
    const developerToken = join(folder, 'developer.txt');
    writeFileSync(developerToken, 'dev_token-22\n');
    const { code } = await startTokenBroker(
      [
        ...['client-config', '--format', 'curl', '--access_token_file', '-', '--output', out],
        ...['--developer_token_file', developerToken],
        ...['--login_customer_id', '123-456-7890', '--linked_customer_id', '0987654321'],
      ],
      {},
      emptyFolder(),
      'ya29.a0-_~+/token==\n',
    ).finished;
    expect(code).toBe(0);
    const hasCurl = spawnSync('curl', ['--version']).status === 0;
    if (!hasCurl) console.warn('Not asked: there is no curl on the PATH.');
    else {
      const { port } = api.address() as AddressInfo;
      await promisify(execFile)('curl', ['-sS', '-H', `@${out}`, `http://127.0.0.1:${port}/v26/customers`]);
      expect(seen[0]).toMatchObject({
        authorization: 'Bearer ya29.a0-_~+/token==',
        'developer-token': 'dev_token-22',
        'login-customer-id': '1234567890',
        'linked-customer-id': '0987654321',
      });
    }
    api.close();
    api.closeAllConnections();
  });

  test('leaves the file for curl as it is where no access token came, such as of a refusal through jq', async () => {
    const out = join(emptyFolder(), 'headers.txt');
    writeFileSync(out, 'Authorization: Bearer ya29.good\n');
    const none = join(folder, 'null.txt');
    writeFileSync(none, 'null\n');
    const args = [
      'client-config',
      '--format',
      'curl',
      '--access_token_file',
      none,
      '--output',
      out,
      '--force',
    ];
    expect(await tokenBroker(args)).toMatchObject({ code: 3, stderr: expect.stringContaining('`null`') });
    expect(readFileSync(out, 'utf8')).toBe('Authorization: Bearer ya29.good\n');
  });

  test('makes curl refresh an access token once, and tell dead tokens, no network and malformed tokens apart', async () => {
    const { token, control } = await issueRefreshToken(google);
    const live = join(folder, 'live.txt');
    writeFileSync(live, token);
    const odd = join(folder, 'odd.txt');
    writeFileSync(odd, 'a token with spaces');
    const env = { GOOGLE_STAND_IN_URL: google.url };
    const curl = [...base, '--format', 'curl', '--output', '-', '--refresh_token_file'];
    const [shown, dead, offline, refused] = await Promise.all([
      tokenBroker([...curl, live], env),
      tokenBroker([...curl, tokenFile], env),
      tokenBroker([...curl, live], { GOOGLE_STAND_IN_URL: 'http://127.0.0.1:9' }),
      tokenBroker(['client-config', '--format', 'curl', '--output', '-', '--access_token_file', odd]),
    ]);
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Authorization: Bearer \S+\n$/) });
    expect(control.secrets()).toContain(/Bearer (\S+)/.exec(shown.stdout)?.[1]);
    expect(dead).toMatchObject({ code: 3, stderr: expect.stringContaining('generate-user-credentials') });
    expect(offline).toMatchObject({ code: 69, stderr: expect.stringContaining('Check the network') });
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('no header can hold') });
  });
});

/** As if a user had consented. */
async function issueRefreshToken(google: StandIn) {
  const redirectUri = 'http://127.0.0.1:1';
  const consent = new URL('/o/oauth2/v2/auth', google.url);
  consent.search = new URLSearchParams({
    client_id: 'desk',
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: ADS,
    access_type: 'offline',
  }).toString();
  const back = await visitConsent(consent, { account: ALICE.email });
  const response = await fetch(`${google.url}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      client_id: 'desk',
      client_secret: 'GOCSPX-#1',
      grant_type: 'authorization_code',
      code: back.searchParams.get('code') ?? '',
      redirect_uri: redirectUri,
    }),
  });
  const { refresh_token: token } = (await response.json()) as { refresh_token: string };
  return { token, control: google.control };
}
