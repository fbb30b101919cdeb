import { KmsFailure } from '../../domain/google/google-failure.js';
import { printableLine } from '../../domain/text.js';
import { type OutboundResponse, send } from '../../outbound/http-client.js';
import { endpointsFor } from '../endpoints.js';
import { classifyLostRequest } from '../oauth/classify-failure.js';
import { readJsonObject } from '../read-json.js';

const SCHEME = 'gcp-kms://';
const SCOPE = 'https://www.googleapis.com/auth/cloudkms';
/** 64 KiB at most (https://cloud.google.com/kms/quotas), in base64. */
const MAX_BYTES = 256 * 1024;
/** What the ciphertext is for: it unwraps as nothing else. */
const AAD = Buffer.from('token-broker/key-ring');

/** How KMS is reached: the broker's settings have it. */
export interface KmsAccess {
  readonly googleStandInUrl: string | null;
  readonly googleTimeoutMs: number;
}

/** Bytes that KMS encrypted. */
export interface WrappedBytes {
  readonly ciphertext: Uint8Array;
  /** The resource name of the version of the key. */
  readonly keyVersion: string;
}

/**
 * A symmetric key of Google Cloud KMS, which never leaves it, by its REST API with application default credentials. Checks CRC-32C both ways, as
 * https://cloud.google.com/kms/docs/data-integrity-guidelines asks. Google's client library is not used: decision 24.
 */
export class GoogleKms {
  readonly #name: string;
  readonly #url: string;
  readonly #timeoutMs: number;
  #credentials: Promise<{ getAccessToken(): Promise<string | null | undefined> }> | null = null;

  /** @param uri gcp-kms://projects/…/locations/…/keyRings/…/cryptoKeys/…, the form of Tink's URIs */
  constructor(uri: string, { googleStandInUrl, googleTimeoutMs }: KmsAccess) {
    if (!uri.startsWith(SCHEME))
      throw new KmsFailure(
        false,
        `There is no key management service for ${printableLine(uri).slice(0, 100)}.`,
      );
    this.#name = uri.slice(SCHEME.length);
    this.#url = `${endpointsFor(googleStandInUrl).kms}/${this.#name}`;
    this.#timeoutMs = googleTimeoutMs;
  }

  /** https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/encrypt */
  async wrap(plaintext: Uint8Array): Promise<WrappedBytes> {
    const answer = await this.#call('encrypt', { ...field('plaintext', plaintext), ...ASSOCIATED });
    const { name: keyVersion } = answer;
    const ciphertext = bytesOf(answer, 'ciphertext');
    const isVerified =
      answer['verifiedPlaintextCrc32c'] === true &&
      answer['verifiedAdditionalAuthenticatedDataCrc32c'] === true;
    // Another key's answer would be one that nothing here can unwrap.
    if (!isVerified || typeof keyVersion !== 'string' || !keyVersion.startsWith(`${this.#name}/`))
      throw damaged();
    return { ciphertext, keyVersion };
  }

  /** https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/decrypt */
  async unwrap(ciphertext: Uint8Array): Promise<Uint8Array> {
    return bytesOf(
      await this.#call('decrypt', { ...field('ciphertext', ciphertext), ...ASSOCIATED }),
      'plaintext',
    );
  }

  async #call(method: 'encrypt' | 'decrypt', body: object): Promise<Record<string, unknown>> {
    const { status, body: text } = await this.#send(`${this.#url}:${method}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await this.#token()}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      timeoutMs: this.#timeoutMs,
      maxBytes: MAX_BYTES,
    });
    const json = readJsonObject(text) ?? {};
    if (status === 200) return json;
    const { status: code, message } = (json['error'] ?? {}) as Record<string, unknown>;
    const words = [code, message].filter((each) => typeof each === 'string').map(printableLine);
    const isTransient = status >= 500 || status === 408 || status === 429;
    throw new KmsFailure(
      isTransient,
      `Google Cloud KMS ${isTransient ? 'is unavailable' : 'refuses'} (${[`HTTP ${status}`, ...words].join(', ').slice(0, 500)}).` +
        (isTransient ? '' : ` ${adviceOn(code)}`),
    );
  }

  async #send(...request: Parameters<typeof send>): Promise<OutboundResponse> {
    try {
      return await send(...request);
    } catch (error) {
      // The error is dropped, not wrapped: it can hold the request.
      throw new KmsFailure(true, `Google Cloud KMS gave no answer (${classifyLostRequest(error).error}).`);
    }
  }

  /** The library caches it until it expires. */
  async #token(): Promise<string> {
    try {
      const [, projectId = ''] = this.#name.split('/');
      this.#credentials ??= import('google-auth-library').then(
        // Without a project the library looks for one, by gcloud and by a metadata server.
        ({ GoogleAuth }) => new GoogleAuth({ scopes: [SCOPE], projectId }),
      );
      const credentials = await this.#credentials;
      const token = await within(credentials.getAccessToken(), this.#timeoutMs);
      if (token) return token;
    } catch {
      // Dropped as well: it can hold the credentials.
    }
    // The library shares one request between calls, also one that stalls.
    this.#credentials = null;
    throw new KmsFailure(
      true,
      'There is no access token for Google Cloud KMS: the application default credentials are missing, are refused, or Google gave no answer.',
    );
  }
}

/** The library waits without a limit. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<never>((_, reject) => {
    timer = setTimeout(reject, ms, new Error('No answer in time.'));
  });
  return Promise.race([promise, timedOut]).finally(() => {
    clearTimeout(timer);
  });
}

/** By google.rpc.Code. */
function adviceOn(code: unknown): string {
  switch (code) {
    case 'PERMISSION_DENIED':
      return 'Grant the service account roles/cloudkms.cryptoKeyDecrypter on the key (to wrap, cryptoKeyEncrypterDecrypter).';
    case 'FAILED_PRECONDITION':
      return 'Enable the version of the key, or restore it while it is scheduled for destruction.';
    case 'NOT_FOUND':
      return 'There is no such key.';
    default:
      return 'The ciphertext may be damaged, or of another key.';
  }
}

const POLYNOMIAL = 0x82f63b78;

const TABLE = Int32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/** CRC-32C (Castagnoli, RFC 3720 section 12.1), which Cloud KMS wants with what it gets and sends. Node.js has CRC-32 only. */
export function crc32c(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** A field of bytes with its checksum; a 64-bit integer is a string in JSON. */
function field(name: string, bytes: Uint8Array): Record<string, string> {
  return { [name]: Buffer.from(bytes).toString('base64'), [`${name}Crc32c`]: String(crc32c(bytes)) };
}

const ASSOCIATED = field('additionalAuthenticatedData', AAD);

/** @throws {KmsFailure} when the checksum is missing or another */
function bytesOf(answer: Record<string, unknown>, name: string): Uint8Array {
  const { [name]: text, [`${name}Crc32c`]: checksum } = answer;
  const bytes = Buffer.from(typeof text === 'string' ? text : '', 'base64');
  if (bytes.length === 0 || String(checksum) !== String(crc32c(bytes))) throw damaged();
  return bytes;
}

/** The same request may arrive whole at the next attempt. */
function damaged(): KmsFailure {
  return new KmsFailure(true, 'The answer of Google Cloud KMS is damaged: its checksum does not fit.');
}
