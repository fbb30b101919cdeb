import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Settings } from '../../src/config/settings.js';
import { KmsFailure } from '../../src/domain/google/google-failure.js';
import { Secret } from '../../src/domain/secret.js';
import { crc32c, GoogleKms } from '../../src/google/kms/google-kms.js';
import { generateKeyRing, keyRingFaults } from '../../src/sealing/key-ring.js';
import { loadKeyRing } from '../../src/sealing/load-key-ring.js';
import { wrapRing } from '../../src/sealing/ring-file.js';
import { Sealer } from '../../src/sealing/sealer.js';
import { asJson } from '../cli/token-broker.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';
import { type KmsStandIn, startKms } from '../support/kms-stand-in.js';
import { startTestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

/** The key ring, wrapped by a key of Google Cloud KMS. The stand-in speaks its REST API, with checksums. */
const TOKEN = new Secret('1//refresh-token');
const DAY = new Date('2026-11-22');

let kms: KmsStandIn;
let folder: string;
const credentialsBefore = process.env['GOOGLE_APPLICATION_CREDENTIALS'];
beforeAll(async () => {
  kms = await startKms();
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = kms.env['GOOGLE_APPLICATION_CREDENTIALS'];
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'token-broker-kms-'));
  kms.failNext('lost', 0);
  kms.calls.length = 0;
});
afterAll(async () => {
  if (credentialsBefore === undefined) delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
  else process.env['GOOGLE_APPLICATION_CREDENTIALS'] = credentialsBefore;
  await kms.close();
});

const access = () => ({ googleStandInUrl: kms.url, googleTimeoutMs: 2000 });
const wrapper = () => new GoogleKms(kms.key, access());
const write = (content: string, name = 'ring.json') => {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};
const plainRing = () => write(generateKeyRing(DAY));
const wrappedRing = async (json = generateKeyRing(DAY)) =>
  write((await wrapRing(json, kms.key, access())).content);
const sealerOf = (path: string, waitMs?: number) =>
  Sealer.open(
    Object.assign(new Settings(), { keyRingFile: path, keyRingKmsKey: kms.key, ...access() }),
    waitMs,
  );
const rewrap = (path: string, ...options: string[]) =>
  asJson(['keys', 'rewrap', '--file', path, ...options], { ...kms.env, KEY_RING_KMS_KEY: kms.key });
interface File {
  readonly kms_key: string;
  readonly kms_key_version: string;
  readonly wrapped: string;
}
const fileOf = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as File;

test.each([
  ['', 0],
  ['123456789', 0xe3069283],
  ['\0'.repeat(32), 0x8a9136aa],
])('the checksum of %j is that of RFC 3720', (text, checksum) => {
  expect(crc32c(Buffer.from(text))).toBe(checksum);
});

describe('Google Cloud KMS', () => {
  test('is not asked for a key of another service', () => {
    expect(() => new GoogleKms('aws-kms://projects/p', access())).toThrow(
      'no key management service for aws-kms://',
    );
    expect(kms.calls).toEqual([]);
  });

  test('gives back what it wrapped, and nothing that was wrapped for another purpose', async () => {
    const { ciphertext, keyVersion } = await wrapper().wrap(Buffer.from('keys'));
    expect(keyVersion).toMatch(/\/cryptoKeyVersions\/1$/);
    expect(Buffer.from(ciphertext).includes('keys')).toBe(false);
    expect(Buffer.from(await wrapper().unwrap(ciphertext)).toString()).toBe('keys');
    await expect(wrapper().unwrap(Buffer.from('keys'))).rejects.toMatchObject({
      isTransient: false,
      message: expect.stringContaining('INVALID_ARGUMENT'),
    });
  });

  test.each([
    ['unavailable', true, 'HTTP 503, UNAVAILABLE'],
    ['lost', true, 'connection_lost'],
    ['damaged', true, 'checksum'],
    ['denied', false, 'roles/cloudkms.cryptoKeyDecrypter'],
  ] as const)('that is %s fails with transient %s, and says so', async (fault, isTransient, words) => {
    const { ciphertext } = await wrapper().wrap(Buffer.from('keys'));
    for (const attempt of [
      async () => wrapper().unwrap(ciphertext),
      async () => wrapper().wrap(Buffer.from('keys')),
    ]) {
      kms.failNext(fault);
      const failure = await attempt().catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(KmsFailure);
      expect(failure).toMatchObject({ isTransient, message: expect.stringContaining(words) });
    }
  });

  test('is not waited for where its access token does not come, and is asked again with another', async () => {
    const { ciphertext } = await wrapper().wrap(Buffer.from('keys'));
    const impatient = new GoogleKms(kms.key, { ...access(), googleTimeoutMs: 300 });
    kms.stallTokens(true);
    try {
      await expect(impatient.unwrap(ciphertext)).rejects.toMatchObject({
        isTransient: true,
        message: expect.stringContaining('no access token'),
      });
    } finally {
      kms.stallTokens(false);
    }
    expect(Buffer.from(await impatient.unwrap(ciphertext)).toString()).toBe('keys');
  }, 10_000);

  test('names a key that does not exist, and credentials that are missing', async () => {
    const elsewhere = new GoogleKms(`${kms.key}-other`, access());
    await expect(elsewhere.wrap(Buffer.from('keys'))).rejects.toMatchObject({
      message: expect.stringContaining('no such key'),
    });
    const before = process.env['GOOGLE_APPLICATION_CREDENTIALS'];
    process.env['GOOGLE_APPLICATION_CREDENTIALS'] = join(folder, 'none.json');
    try {
      await expect(wrapper().wrap(Buffer.from('keys'))).rejects.toMatchObject({
        message: expect.stringContaining('application default credentials'),
      });
    } finally {
      process.env['GOOGLE_APPLICATION_CREDENTIALS'] = before;
    }
  });
});

describe('a wrapped key ring', () => {
  test('opens what the plain one sealed, and is unwrapped once', async () => {
    const json = generateKeyRing(DAY);
    const plain = new Sealer(
      Object.assign(new Settings(), { keyRingFile: write(json, 'plain.json'), keyRingKmsKey: null }),
    );
    const sealed = await plain.seal(TOKEN, 'aad');
    const path = await wrappedRing(json);
    const { keys } = JSON.parse(json) as { keys: { k: string }[] };
    for (const { k } of keys) expect(readFileSync(path, 'utf8')).not.toContain(k);
    kms.calls.length = 0;
    const sealer = await sealerOf(path);
    for (let time = 0; time < 3; time++) {
      expect((await sealer.open(sealed, 'aad')).reveal()).toBe(TOKEN.reveal());
      await sealer.open(await sealer.seal(TOKEN, 'aad'), 'aad');
    }
    expect(kms.calls).toEqual(['decrypt']);
  });

  test('is not replaced by a plain one while the broker runs', async () => {
    const path = await wrappedRing();
    const sealer = await sealerOf(path);
    write(generateKeyRing(DAY));
    await sealer.reload();
    const after = await sealer.seal(TOKEN, 'aad');
    write((await wrapRing(generateKeyRing(DAY), kms.key, access())).content);
    await expect((await sealerOf(path)).open(after, 'aad')).rejects.toThrow('The key ring has no key');
    expect((await sealer.open(after, 'aad')).reveal()).toBe(TOKEN.reveal());
  });

  exhaustive.test('waits at the start for a KMS that is unavailable, and no longer than it may', async () => {
    const path = await wrappedRing();
    kms.calls.length = 0;
    kms.failNext('unavailable', 2);
    await sealerOf(path);
    expect(kms.calls).toHaveLength(3);
    kms.failNext('unavailable', 100);
    await expect(sealerOf(path, 300)).rejects.toThrow(KmsFailure);
    kms.calls.length = 0;
    kms.failNext('denied', 100);
    await expect(sealerOf(path)).rejects.toThrow('PERMISSION_DENIED');
    expect(kms.calls).toHaveLength(1);
  });

  test('is unwrapped again when it changes, and once where several wait for the new key', async () => {
    const json = generateKeyRing(DAY);
    const path = await wrappedRing(json);
    const sealer = await sealerOf(path);
    const newer = generateKeyRing(new Date('2027-01-01'), json);
    const sealed = await new Sealer(
      Object.assign(new Settings(), { keyRingFile: write(newer, 'newer.json'), keyRingKmsKey: null }),
    ).seal(TOKEN, 'aad');
    await wrappedRing(newer);
    utimesSync(path, new Date(), new Date(Date.now() + 5000));
    kms.calls.length = 0;
    const opened = await Promise.all(Array.from({ length: 5 }, () => sealer.open(sealed, 'aad')));
    expect(opened.map((each) => each.reveal())).toEqual(opened.map(() => TOKEN.reveal()));
    expect(kms.calls).toEqual(['decrypt']);
    await expect(sealer.open(sealed.replace(/^[^.]+/, otherHeader(sealed)), 'aad')).rejects.toThrow(
      'no key nowhere',
    );
    expect(kms.calls).toEqual(['decrypt']);
  });

  test('that cannot be unwrapped after a change leaves the former keys in use', async () => {
    const path = await wrappedRing();
    const sealer = await sealerOf(path);
    const sealed = await sealer.seal(TOKEN, 'aad');
    for (const fault of ['unavailable', 'denied'] as const) {
      kms.failNext(fault);
      await sealer.reload();
      expect((await sealer.open(sealed, 'aad')).reveal()).toBe(TOKEN.reveal());
    }
    sealer.onApplicationShutdown();
  });

  test.each([
    ['unavailable', 5_000],
    ['denied', 60_000],
  ] as const)(
    'is unwrapped again where the KMS was %s at its change, after %d ms each',
    async (fault, ms) => {
      const json = generateKeyRing(DAY);
      const path = await wrappedRing(json);
      const sealer = await sealerOf(path);
      const pauses: (number | undefined)[] = [];
      const start = globalThis.setTimeout;
      const timers = jest
        .spyOn(globalThis, 'setTimeout')
        .mockImplementation((run: () => void, after?: number, ...args: []) => {
          const isRetry = after === 5_000 || after === 60_000;
          if (isRetry) pauses.push(after);
          return start(run, isRetry ? 0 : after, ...args);
        });
      try {
        await wrappedRing(generateKeyRing(new Date('2027-01-01'), json));
        kms.failNext(fault, 3);
        await sealer.reload();
        await until(() => sealer.keyIds.length === 2);
        kms.calls.length = 0;
        await pause(50);
        expect(kms.calls).toEqual([]);
        expect(pauses).toEqual([ms, ms, ms]);
      } finally {
        timers.mockRestore();
        sealer.onApplicationShutdown();
      }
    },
  );

  test('is refused where another key wrapped it, or no key is set, without a request', async () => {
    const path = await wrappedRing();
    kms.calls.length = 0;
    writeFileSync(path, JSON.stringify({ ...fileOf(path), kms_key: `${kms.key}-of-an-attacker` }));
    await expect(sealerOf(path)).rejects.toThrow('another key');
    expect(keyRingFaults(path, kms.key)).toEqual([expect.stringContaining('another key')]);
    expect(keyRingFaults(path, null)).toEqual([expect.stringContaining('KEY_RING_KMS_KEY')]);
    expect(keyRingFaults(await wrappedRing(), kms.key)).toEqual([]);
    expect(kms.calls).toEqual(['encrypt', 'decrypt']);
  });
});

const otherHeader = (sealed: string) => {
  const header = JSON.parse(Buffer.from(sealed.split('.')[0] ?? '', 'base64url').toString()) as object;
  return Buffer.from(JSON.stringify({ ...header, kid: 'nowhere' })).toString('base64url');
};

describe('token-broker keys rewrap', () => {
  test('wraps a plain key ring, wraps it again with a new version, and takes the wrapping off', async () => {
    const path = plainRing();
    const json = readFileSync(path, 'utf8');
    expect((await rewrap(path)).output).toMatchObject({
      kms_key: kms.key,
      key_version: expect.stringMatching(/Versions\/\d+$/),
      key_version_before: null,
    });
    const first = fileOf(path);
    expect(first.kms_key).toBe(kms.key);
    kms.rotate();
    const { output } = await rewrap(path);
    expect(output?.['key_version_before']).toBe(first.kms_key_version);
    expect(fileOf(path).kms_key_version).toBe(output?.['key_version']);
    expect(fileOf(path).kms_key_version).not.toBe(first.kms_key_version);
    await sealerOf(path);
    expect((await rewrap(path, '--plain')).output).toMatchObject({ kms_key: null, key_version: null });
    expect(readFileSync(path, 'utf8')).toBe(json);
  });

  test.each(fewOf(['unavailable', 'damaged', 'lost', 'denied'] as const))(
    'leaves the file as it was where the KMS is %s, at each of its requests',
    async (fault) => {
      const path = await wrappedRing();
      const before = readFileSync(path, 'utf8');
      kms.failNext(fault, 3);
      const { code, failure } = await rewrap(path);
      const isRefused = fault === 'denied';
      expect({ code, error: failure?.['error'] }).toEqual(
        isRefused ? { code: 3, error: 'kms_refused' } : { code: 69, error: 'kms_unavailable' },
      );
      expect(readFileSync(path, 'utf8')).toBe(before);
      expect(existsSync(`${path}.new`)).toBe(false);
    },
  );

  exhaustive.test('has a readable key ring at each moment', async () => {
    const path = plainRing();
    let isOver = false;
    const running = Promise.all([1, 2, 3].map(async () => (await rewrap(path)).code)).finally(() => {
      isOver = true;
    });
    let read = 0;
    const hasEnded = () => isOver;
    while (!hasEnded()) {
      // Not with a sealer, whose warning about a plain key ring would be output of the commands.
      await loadKeyRing({ keyRingFile: path, keyRingKmsKey: kms.key, ...access() });
      read++;
      await setImmediate();
    }
    expect(await running).toEqual([0, 0, 0]);
    expect(read).toBeGreaterThan(0);
  });

  test('says which version is disabled, and works once it is enabled', async () => {
    const path = await wrappedRing();
    const version = Number(/\d+$/.exec(fileOf(path).kms_key_version)?.[0]);
    kms.disable(version);
    const { code, failure } = await rewrap(path);
    expect({ code, message: failure?.['message'] }).toEqual({
      code: 3,
      message: expect.stringMatching(/FAILED_PRECONDITION.*is not enabled.*Enable the version/),
    });
    kms.enable(version);
    expect((await rewrap(path)).code).toBe(0);
  });

  test('needs a file and a key', async () => {
    const missing = async (args: string[], env: Record<string, string> = {}) =>
      (await asJson(['keys', 'rewrap', ...args], env)).code;
    expect(await missing([])).toBe(78);
    expect(await missing(['--file', plainRing()])).toBe(78);
    expect(await missing(['--file', plainRing(), '--kms-key', 'projects/x'])).toBe(78);
    expect(await missing(['--file', join(folder, 'none.json')], { KEY_RING_KMS_KEY: kms.key })).toBe(4);
    expect(await missing(['--file', plainRing(), '--plain', '--kms-key', kms.key])).toBe(2);
    expect(
      await missing(['--file', plainRing()], {
        ...kms.env,
        NODE_ENV: 'production',
        KEY_RING_KMS_KEY: kms.key,
      }),
    ).toBe(78);
  });
});

test('token-broker keys generate makes a wrapped key ring, and --add keeps it wrapped', async () => {
  const path = join(folder, 'new.json');
  const made = await asJson(['keys', 'generate', '--out', path, '--kms-key', kms.key], kms.env);
  expect(made.code).toBe(0);
  expect(fileOf(path).kms_key).toBe(kms.key);
  const added = await asJson(['keys', 'generate', '--out', path, '--add', '--now'], kms.env);
  expect(added.output).toMatchObject({ older_key_ids: [made.output?.['sealing_key_id']], added: true });
  expect(fileOf(path).kms_key).toBe(kms.key);
  expect((await sealerOf(path)).keyIds).toEqual([
    added.output?.['sealing_key_id'],
    made.output?.['sealing_key_id'],
  ]);
});

test('a broker runs with a wrapped key ring, and seals with a key that is added while it runs', async () => {
  const path = await wrappedRing();
  const bed = await startTestBed({ ...kms.env, KEY_RING_FILE: path, KEY_RING_KMS_KEY: kms.key });
  try {
    await bed.api.connectUrl({ user_id: 'alice', scope: YOUTUBE });
    expect(kms.calls.filter((call) => call === 'decrypt')).toHaveLength(2);
    expect((await asJson(['keys', 'generate', '--out', path, '--add', '--now'], kms.env)).code).toBe(0);
    const [newest] = (await sealerOf(path)).keyIds;
    await until(() => bed.app.get(Sealer).keyIds[0] === newest);
    // Another process with the same settings does not start where the KMS refuses, and says why.
    kms.failNext('denied', 10);
    const other = spawn(process.execPath, ['dist/bundle/main.js'], {
      env: { ...bed.settings, ...kms.env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    other.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [code] = (await once(other, 'close')) as [number];
    expect({ code, stderr }).toEqual({
      code: 78,
      stderr: expect.stringMatching(/KEY_RING_FILE cannot be unwrapped: .*PERMISSION_DENIED/),
    });
  } finally {
    await bed.stop();
  }
}, 60_000);
