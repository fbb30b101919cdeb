/**
 * Stands in for Google Cloud KMS: encrypt and decrypt of one symmetric key with its versions, as the REST reference describes them, with
 * checksums and Google's errors; and the token endpoint that application default credentials of a workload ask (RFC 8693).
 * https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NAME = 'projects/project-a/locations/global/keyRings/broker/cryptoKeys/ring';
const TOKEN = 'ya29.kms';

export interface KmsStandIn {
  readonly url: string;
  /** The URI of its key. */
  readonly key: string;
  /** What a process needs to reach it: the stand-in's address and application default credentials. */
  readonly env: Readonly<Record<string, string>>;
  /** The methods of the requests so far. */
  readonly calls: string[];
  /** Adds a version, which encrypts from then on. */
  rotate(): void;
  disable(version: number): void;
  enable(version: number): void;
  /** What the next responses are, instead of what they should be. */
  failNext(fault: 'unavailable' | 'damaged' | 'lost' | 'denied', times?: number): void;
  /** Whether the token endpoint takes requests and answers none. */
  stallTokens(on: boolean): void;
  close(): Promise<void>;
}

interface Version {
  readonly key: Buffer;
  isEnabled: boolean;
}

type KmsResponse = readonly [status: number, body: object];

export async function startKms(): Promise<KmsStandIn> {
  const versions: Version[] = [{ key: randomBytes(32), isEnabled: true }];
  const calls: string[] = [];
  let faults: string[] = [];
  let isStalled = false;

  const respondTo = (method: string, body: Record<string, string>): KmsResponse => {
    const fault = faults[0];
    if (fault === 'unavailable') return refusal(503, 'UNAVAILABLE', 'The service is currently unavailable.');
    if (fault === 'denied') {
      return refusal(
        403,
        'PERMISSION_DENIED',
        `Permission 'cloudkms.cryptoKeyVersions.useToDecrypt' denied on resource '${NAME}' (or it may not exist).`,
      );
    }
    for (const field of ['plaintext', 'ciphertext', 'additionalAuthenticatedData']) {
      const bytes = Buffer.from(body[field] ?? '', 'base64');
      const checksum = body[`${field}Crc32c`];
      if (checksum !== undefined && checksum !== String(checksumOf(bytes)))
        return refusal(
          400,
          'INVALID_ARGUMENT',
          `The checksum in field ${field}_crc32c did not match the data in field ${field}.`,
        );
    }
    return method === 'encrypt' ? encrypt(versions, body) : decrypt(versions, body);
  };

  const server = createServer((request, response) => {
    void (async () => {
      const text = await textOf(request);
      if (request.url === '/sts') {
        if (isStalled) return;
        send(response, [
          200,
          { access_token: TOKEN, token_type: 'Bearer', expires_in: 3600, issued_token_type: 'x' },
        ]);
        return;
      }
      const [, method = ''] = new RegExp(`^/v1/${NAME}:(encrypt|decrypt)$`).exec(request.url ?? '') ?? [];
      if (method === '') send(response, refusal(404, 'NOT_FOUND', `CryptoKey ${NAME} not found.`));
      else if (request.headers.authorization !== `Bearer ${TOKEN}`)
        send(response, refusal(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.'));
      else {
        calls.push(method);
        const [status, body] = respondTo(method, JSON.parse(text) as Record<string, string>);
        if (faults[0] === 'lost') request.socket.destroy();
        else send(response, [status, faults[0] === 'damaged' ? damaged(body) : body]);
        faults = faults.slice(1);
      }
    })();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    key: `gcp-kms://${NAME}`,
    env: { GOOGLE_STAND_IN_URL: url, GOOGLE_APPLICATION_CREDENTIALS: credentials(url) },
    calls,
    rotate: () => versions.push({ key: randomBytes(32), isEnabled: true }),
    disable: (version) => Object.assign(versions[version - 1] ?? {}, { isEnabled: false }),
    enable: (version) => Object.assign(versions[version - 1] ?? {}, { isEnabled: true }),
    failNext: (fault, times = 1) => {
      faults = Array.from({ length: times }, () => fault);
    },
    stallTokens: (on) => {
      isStalled = on;
    },
    close: () =>
      new Promise((done) => {
        server.close(() => {
          done();
        });
        server.closeAllConnections();
      }),
  };
}

function encrypt(
  versions: readonly Version[],
  { plaintext = '', additionalAuthenticatedData: aad = '' }: Record<string, string>,
): KmsResponse {
  const number = versions.length;
  const version = versions[number - 1];
  if (!version?.isEnabled) return notEnabled(number);
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', version.key, iv);
  cipher.setAAD(Buffer.from(aad, 'base64'));
  const sealed = Buffer.concat([cipher.update(Buffer.from(plaintext, 'base64')), cipher.final()]);
  const bytes = Buffer.concat([Buffer.from([number]), iv, cipher.getAuthTag(), sealed]);
  return [
    200,
    {
      name: `${NAME}/cryptoKeyVersions/${number}`,
      ciphertext: bytes.toString('base64'),
      ciphertextCrc32c: String(checksumOf(bytes)),
      verifiedPlaintextCrc32c: true,
      verifiedAdditionalAuthenticatedDataCrc32c: true,
      protectionLevel: 'SOFTWARE',
    },
  ];
}

function decrypt(
  versions: readonly Version[],
  { ciphertext = '', additionalAuthenticatedData: aad = '' }: Record<string, string>,
): KmsResponse {
  const bytes = Buffer.from(ciphertext, 'base64');
  const number = bytes[0] ?? 0;
  const version = versions[number - 1];
  if (version && !version.isEnabled) return notEnabled(number);
  try {
    const decipher = createDecipheriv('aes-256-gcm', version?.key ?? Buffer.alloc(32), bytes.subarray(1, 13));
    decipher.setAAD(Buffer.from(aad, 'base64'));
    decipher.setAuthTag(bytes.subarray(13, 29));
    const plaintext = Buffer.concat([decipher.update(bytes.subarray(29)), decipher.final()]);
    return [
      200,
      {
        plaintext: plaintext.toString('base64'),
        plaintextCrc32c: String(checksumOf(plaintext)),
        usedPrimary: number === versions.length,
        protectionLevel: 'SOFTWARE',
      },
    ];
  } catch {
    return refusal(400, 'INVALID_ARGUMENT', 'Decryption failed: the ciphertext is invalid.');
  }
}

const notEnabled = (version: number) =>
  refusal(
    400,
    'FAILED_PRECONDITION',
    `${NAME}/cryptoKeyVersions/${version} is not enabled, current state is: DISABLED.`,
  );

function refusal(code: number, status: string, message: string): KmsResponse {
  return [code, { error: { code, message, status } }];
}

/** Bit by bit, so that it shares nothing with what it checks. */
function checksumOf(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function damaged(body: object): object {
  const field = 'plaintext' in body ? 'plaintext' : 'ciphertext';
  const bytes = Buffer.from(String((body as Record<string, unknown>)[field]), 'base64');
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  return { ...body, [field]: bytes.toString('base64') };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

function send(response: ServerResponse, [status, body]: KmsResponse): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' }).end(JSON.stringify(body));
}

/** A workload's federated identity: a token in a file, exchanged at the token endpoint (https://google.aip.dev/auth/4117). */
function credentials(url: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-kms-'));
  const token = join(folder, 'token');
  writeFileSync(token, 'a.b.c');
  const path = join(folder, 'credentials.json');
  const content = {
    type: 'external_account',
    audience:
      '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${url}/sts`,
    credential_source: { file: token },
  };
  writeFileSync(path, JSON.stringify(content));
  return path;
}
