import { Global, Module } from '@nestjs/common';
import { AdsAccess } from '../domain/ports/ads-access.js';
import { AccountMaps } from './account-maps.js';
import { AdsController } from './ads.controller.js';
import { FindAdsAccess } from './find-ads-access.js';
import { SyncAccountTree } from './sync-account-tree.js';
import { WalkAccounts } from './walk-accounts.js';

/**
 * Owns what a user reaches in Google Ads: asking Google for the accounts, keeping the answer for a while, and choosing
 * the root (login-customer-id) for one account.
 * Does not own the rules of access (domain/ads/), the calls to Google (google/), users' tokens (tokens/), nor the
 * table (token-store/).
 */
@Global()
@Module({
  controllers: [AdsController],
  providers: [WalkAccounts, SyncAccountTree, AccountMaps, { provide: AdsAccess, useClass: FindAdsAccess }],
  exports: [AdsAccess],
})
export class AdsModule {}
