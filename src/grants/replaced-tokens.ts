import { Injectable, Logger } from '@nestjs/common';
import type { ImportResult } from '../domain/grant/grant-import.js';
import { Clock } from '../domain/ports/clock.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';
import type { Latest } from './verify-refresh-token.js';

/** A refresh token that Google gave in place of the one of an item. */
export interface ReplacedToken extends Latest {
  userId: string;
  client: string;
  /** False where only the caller named `sub`. */
  isAccountVerified: boolean;
}

/**
 * Books the refresh token that Google gave in place of one that was to be imported, where it becomes no grant's: Google counts it. Does
 * not own whether it is stored (import-grants.ts).
 */
@Injectable()
export class ReplacedTokens {
  readonly #log = new Logger(ReplacedTokens.name);

  constructor(
    private readonly clock: Clock,
    private readonly ledger: SlotLedgerRepository,
  ) {}

  /** @param importing an item. What it leaves in `latest` is no grant's, and its result says so */
  async bookAfter(importing: (latest: ReplacedToken) => Promise<ImportResult>): Promise<ImportResult> {
    const latest: ReplacedToken = {
      userId: '',
      client: '',
      isAccountVerified: true,
      sub: null,
      refreshToken: null,
      refreshTokenExpiresAt: null,
    };
    try {
      const result = await importing(latest);
      return latest.refreshToken === null ? result : { ...result, tokenReplaced: true };
    } finally {
      await this.#bookUnused(latest);
    }
  }

  async #bookUnused({ userId, client, sub, isAccountVerified, ...issued }: ReplacedToken): Promise<void> {
    if (issued.refreshToken === null) return;
    if (sub === null) {
      this.#log.warn(
        { client },
        'Google issued a refresh token of an unknown account in place of an imported one, which is not used: the slot ledger lacks one slot',
      );
      return;
    }
    const unused = { userId, client, account: { sub } };
    await this.ledger
      .bookUnused(unused, issued, this.clock.now(), { isImported: true, isAccountVerified })
      .catch((error: unknown) => {
        this.#log.error(
          { err: error, client },
          'a refresh token in place of an imported one could not be booked: the slot ledger lacks one slot',
        );
      });
  }
}
