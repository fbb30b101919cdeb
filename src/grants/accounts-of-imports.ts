import { Injectable } from '@nestjs/common';
import type { Policy } from '../domain/access/policy.js';
import { coversAll } from '../domain/access/user-rule.js';
import { type Account, isAccount, SUB } from '../domain/grant/grant.js';
import { ImportRefused } from '../domain/grant/grant-import.js';
import { SlotLedgerRepository } from '../token-store/grants/slot-ledger.repository.js';
import type { Inspected } from './verify-refresh-token.js';

/**
 * Whose account an imported refresh token is of. Google's word counts; what the caller says fills in what Google does not say, as far as
 * the broker has met the account. An address that the caller names is looked up among the grants that it may see: whether others have
 * connected that account is not for it to know. Does not own what an account that only the caller named counts for
 * (token-store/grants/slot-rows.ts).
 */
@Injectable()
export class AccountsOfImports {
  constructor(private readonly ledger: SlotLedgerRepository) {}

  /**
   * @param named by the caller: a `sub` or an email address
   * @param policy of the caller; null: an operator
   * @throws {ImportRefused} `wrong_account`, `account_unknown`
   */
  async of(
    named: string | null,
    { sub, email }: Pick<Inspected, 'sub' | 'email'>,
    policy: Policy | null,
  ): Promise<Account> {
    const isEmail = named?.includes('@') ?? false;
    if (sub !== null) {
      const known =
        isEmail && email === null
          ? ((await this.ledger.findAccountOfEmail(named ?? '', policy)) ?? sub)
          : named;
      if (known !== null && !isAccount({ sub, email }, known)) throw new ImportRefused('wrong_account');
      return { sub, email };
    }
    if (named !== null && isEmail && email !== null && !isAccount({ sub: '', email }, named))
      throw new ImportRefused('wrong_account');
    if (named !== null && !isEmail) {
      if (!SUB.test(named)) throw new ImportRefused('account_unknown');
      return { sub: named, email };
    }
    // An email address leads to an account only where the broker met it before. One that Google names is of a token that the caller has.
    const address = email ?? named;
    const known = address && (await this.ledger.findAccountOfEmail(address, email === null ? policy : null));
    if (known === null) throw new ImportRefused('account_unknown');
    return { sub: known, email: address };
  }
}

/**
 * Whether an account counts for all that the broker knows of it: Google named it, or an operator, or a service that may end the grants of
 * every user anyway. The word of another service counts for the grant alone: it would reach users whom its policy does not cover.
 */
export function isAccountTrusted({ sub }: Pick<Inspected, 'sub'>, policy: Policy | null): boolean {
  return sub !== null || policy === null || (coversAll(policy.users) && policy.clients.includes('*'));
}
