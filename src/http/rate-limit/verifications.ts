/**
 * A service behind the same address as an attacker must still be able to authenticate with a new JWT, or with its key while services are
 * not cached. So credentials from addresses over their limit are verified, too: a few at a time, which bounds the work. Does not own
 * which addresses these are, nor the refusal of the others (rate-limit.hook.ts).
 */

/** How many credentials from addresses over their limit are verified concurrently. */
const MAX_VERIFYING = 8;

export class Verifications {
  #running = 0;

  get mayBegin(): boolean {
    return this.#running < MAX_VERIFYING;
  }

  /** Only as long as it is verified: a request whose body is awaited, or whose answer is sent, leaves its turn to others. */
  async run<Result>(verify: () => Promise<Result>): Promise<Result> {
    this.#running++;
    try {
      return await verify();
    } finally {
      this.#running--;
    }
  }
}
