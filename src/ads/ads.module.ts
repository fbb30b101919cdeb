import { Global, Module } from '@nestjs/common';
import { AccessMapCache } from './access-map-cache.js';
import { WalkAccounts } from './account-tree-crawler.js';
import { AdsController } from './ads.controller.js';
import { AdsAccess } from './find-ads-access.js';
import { SyncAccountTree } from './sync-account-tree.js';

/**
 * Owns what a user reaches in Google Ads: asking Google for the accounts, keeping the answer for a while, and choosing
 * the root (login-customer-id) for one account.
 * Does not own the rules of access (domain/ads/), the calls to Google (google/), users' tokens (tokens/), nor the
 * table (token-store/).
 */
@Global()
@Module({
  controllers: [AdsController],
  providers: [WalkAccounts, SyncAccountTree, AccessMapCache, AdsAccess],
  exports: [AdsAccess],
})
export class AdsModule {}
