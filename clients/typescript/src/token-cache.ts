/**
 * Owns which tokens this process holds, and that one call is under way for all who want the same. Does not own what a token
 * is asked with.
 */
export interface CachedToken {
  readonly tokenId: string;
  /** When it ends, on the clock of `performance.now()`, which may stand still while the machine sleeps. */
  readonly endsAt: number;
  /** The same on the clock of `Date.now()`, which may be set back. */
  readonly wallEndsAt: number;
}

const MAX_TOKENS = 10_000;

export class TokenCache<Token extends CachedToken> {
  /** In the order of use, the last one used at the end. */
  readonly #tokens = new Map<string, { readonly token: Token; readonly askedAt: number }>();
  readonly #underWay = new Map<string, Promise<Token>>();

  /** @returns a token with more seconds left than that, which is not the refused one */
  find(key: string, minTtlSeconds: number, refused?: string): Token | null {
    const entry = this.#tokens.get(key);
    if (!entry || entry.token.tokenId === refused) return null;
    if (leftMs(entry.token) <= minTtlSeconds * 1000) return null;
    this.#tokens.delete(key);
    this.#tokens.set(key, entry);
    return entry.token;
  }

  /**
   * One call of `fetch` for all who ask for the same meanwhile. A caller that leaves does not end it for the others.
   * @param call distinguishes calls that would be answered differently
   */
  async share(key: string, call: string, fetch: () => Promise<Token>, signal?: AbortSignal): Promise<Token> {
    const name = JSON.stringify([key, call]);
    let underWay = this.#underWay.get(name);
    if (!underWay) {
      const askedAt = performance.now();
      underWay = fetch()
        .then((token) => this.#store(key, token, askedAt))
        .finally(() => this.#underWay.delete(name));
      this.#underWay.set(name, underWay);
    }
    return signal ? untilAborted(underWay, signal) : underWay;
  }

  /** A slow answer does not replace that of a later call: its token may have been refused meanwhile. */
  #store(key: string, token: Token, askedAt: number): Token {
    if ((this.#tokens.get(key)?.askedAt ?? 0) > askedAt) return token;
    this.#tokens.delete(key);
    this.#tokens.set(key, { token, askedAt });
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > MAX_TOKENS && oldest !== undefined) this.#tokens.delete(oldest);
    return token;
  }

  delete(key: string): void {
    this.#tokens.delete(key);
  }
}

/** By the clock that says less. */
function leftMs({ endsAt, wallEndsAt }: CachedToken): number {
  return Math.min(endsAt - performance.now(), wallEndsAt - Date.now());
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', stop);
    });
  });
}
