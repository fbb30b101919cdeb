import type { Account, TokenAnswer } from '../grant.js';
import type { LiveToken } from '../slots.js';

/** Every refresh token that Google ever gave us, by its keyed fingerprint: the books that nobody else keeps. */
export abstract class SlotLedger {
  /** The tokens that Google counts as live for one account and client, oldest first. */
  abstract liveTokens(accountSub: string, client: string, now: Date): Promise<LiveToken[]>;

  /** How many are live for the account across all our clients. Google's limit on these is unpublished. */
  abstract liveOfAccount(accountSub: string, now: Date): Promise<number>;

  /** Whether any account has used up all its slots for this client. */
  abstract isAnyAccountFull(client: string, limit: number, now: Date): Promise<boolean>;

  /** The `sub` of an account that was seen before, by `sub` or email. */
  abstract findAccount(subOrEmail: string): Promise<string | null>;

  /** Why the grant's refresh token ended, if the ledger knows. */
  abstract endReason(grantId: string): Promise<string | null>;

  /** Books a token that came without becoming a grant: it takes a slot all the same. */
  abstract bookUnused(account: Account, client: string, answer: TokenAnswer, now: Date): Promise<void>;
}
