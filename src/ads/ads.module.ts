import { Module } from '@nestjs/common';
import { AccessTokensModule } from '../access-tokens/access-tokens.module.js';
import { AccessMapCache } from './access-map-cache.js';
import { AccountTreeCrawler } from './account-tree-crawler.js';
import { AccountTreeSync } from './account-tree-sync.js';
import { AdsAccessService } from './ads-access.service.js';
import { AdsController } from './ads.controller.js';

/**
 * Owns which Google Ads accounts a user reaches: crawling the accounts, caching the tree, and choosing the
 * login-customer-id for one account.
 * Does not own the rules of access (domain/ads/), requests to Google (google/ads/), users' tokens (access-tokens/) nor
 * the table (token-store/ads/).
 */
@Module({
  imports: [AccessTokensModule],
  controllers: [AdsController],
  providers: [AccountTreeCrawler, AccountTreeSync, AccessMapCache, AdsAccessService],
  exports: [AdsAccessService],
})
export class AdsModule {}
