import { createRequire } from 'node:module';
import type { OAuth2Client } from 'google-auth-library';
import { TokenBrokerError } from './token-broker-error.js';

type Options = Parameters<OAuth2Client['request']>[0];
type Library = typeof import('google-auth-library');

/** What is sent with each call. */
interface AuthToken {
  readonly accessToken: string;
  readonly tokenId: string;
  readonly expiresAt: Date;
  readonly headers: Readonly<Record<string, string>>;
}

const UNAUTHORIZED = 401;

/**
 * Owns the AuthClient that Google's libraries take: it puts the broker's token on each request, and replaces one that Google
 * answers with 401, once. Does not own the tokens (token-broker.ts). An OAuth2Client, because the types of googleapis
 * accept no other AuthClient.
 * @param tokenOf a token; with an id, one that is not that one if the broker can get it
 */
export function authFor(tokenOf: (refused: string | null) => Promise<AuthToken>): OAuth2Client {
  // Loaded here: a program that does not use Google's libraries does not need it.
  const library = createRequire(import.meta.url)('google-auth-library') as Library;

  class BrokerAuth extends library.OAuth2Client {
    override refreshHandler = async () => {
      const { accessToken, expiresAt } = await tokenOf(null);
      return { access_token: accessToken, expiry_date: expiresAt.getTime() };
    };

    /** The broker's client caches. */
    protected override isTokenExpiring(): boolean {
      return true;
    }

    protected override async getRequestMetadataAsync() {
      return { headers: this.#headersOf(await tokenOf(null)) };
    }

    protected override async requestAsync<T>(options: Options) {
      const token = await tokenOf(null);
      const send = (used: AuthToken) => this.transporter.request<T>(this.#signed(options, used));
      // A response, where the caller's validateStatus accepts every status; otherwise an error.
      const first = await send(token).then(
        (response) => ({ status: response.status, end: () => response }),
        (error: unknown) => ({
          status: (error as { response?: { status?: number } }).response?.status,
          end: () => {
            throw error as Error;
          },
        }),
      );
      if (first.status !== UNAUTHORIZED || !canRepeat(options)) return first.end();
      const other = await otherThan(token);
      return other ? send(other) : first.end();
    }

    #signed(options: Options, token: AuthToken): Options {
      const headers = new Headers(options.headers);
      for (const [name, value] of this.#headersOf(token)) headers.set(name, value);
      return { ...options, headers };
    }

    #headersOf({ accessToken, headers }: AuthToken): Headers {
      const all = new Headers(headers);
      all.set('authorization', `Bearer ${accessToken}`);
      return this.addSharedMetadataHeaders(all);
    }
  }

  /** @returns null where Google refuses for another reason than the token, which its answer says */
  async function otherThan({ tokenId }: AuthToken): Promise<AuthToken | null> {
    try {
      const token = await tokenOf(tokenId);
      return token.tokenId === tokenId ? null : token;
    } catch (error) {
      // It was replaced minutes ago, and Google confirms that it is valid.
      if (error instanceof TokenBrokerError && error.code === 'rate_limited') return null;
      throw error;
    }
  }

  return new BrokerAuth();
}

/** A stream has been read when the answer comes. */
function canRepeat({ data, body }: Options): boolean {
  return ![data as unknown, body].some(
    (each) =>
      typeof each === 'object' &&
      each !== null &&
      ('pipe' in each || 'getReader' in each || Symbol.asyncIterator in each),
  );
}
