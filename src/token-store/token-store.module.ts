import { Global, Module } from '@nestjs/common';
import { AccountTreesRepository } from './ads/account-trees.repository.js';
import { AuditEventsRepository } from './audit/audit-events.repository.js';
import { AuditExportRepository } from './audit/audit-export.repository.js';
import { AuditLog } from './audit/audit-log.repository.js';
import { AuditPartitionsRepository } from './audit/audit-partitions.repository.js';
import { ChangeFeed } from './change-feed/change-feed.js';
import { ChangeHeartbeats } from './change-feed/change-heartbeats.js';
import { DatabaseHealth } from './client/database-health.js';
import { Database } from './client/database.js';
import { DeclarationsRepository } from './declarations/declarations.repository.js';
import { DeclaredSettingsRepository } from './declarations/declared-settings.repository.js';
import { ActivityRepository } from './console/activity.repository.js';
import { ConsoleSessionsRepository } from './console/console-sessions.repository.js';
import { OverviewRepository } from './console/overview.repository.js';
import { AuthorizationRequestsRepository } from './connects/authorization-requests.repository.js';
import { ConnectTicketListsRepository } from './connects/connect-ticket-lists.repository.js';
import { ConnectTicketsRepository } from './connects/connect-tickets.repository.js';
import { PendingConsentsRepository } from './connects/pending-consents.repository.js';
import { PendingExchangesRepository } from './connects/pending-exchanges.repository.js';
import { AccessTokens } from './grants/access-tokens.js';
import { CredentialSealer } from './grants/credential-sealer.js';
import { FinishRevocation } from './grants/finish-revocation.js';
import { GrantImportsRepository } from './grants/grant-imports.repository.js';
import { GrantListsRepository } from './grants/grant-lists.repository.js';
import { GrantSearchRepository } from './grants/grant-search.repository.js';
import { GrantWatermarks } from './grants/grant-watermarks.js';
import { GrantsRepository } from './grants/grants.repository.js';
import { RefreshLeaseRepository } from './grants/refresh-lease.repository.js';
import { BookRefreshToken } from './grants/book-refresh-token.js';
import { ResealCredentials } from './grants/reseal-credentials.js';
import { RevocationMarks } from './grants/revocation-marks.js';
import { RevocationSamplesRepository } from './grants/revocation-samples.repository.js';
import { RevocationsRepository } from './grants/revocations.repository.js';
import { RotatedTokensRepository } from './grants/rotated-tokens.repository.js';
import { SaveRefresh } from './grants/save-refresh.js';
import { ServiceAccountsRepository } from './grants/service-accounts.repository.js';
import { SlotBookings } from './grants/slot-bookings.js';
import { SlotCounts } from './grants/slot-counts.js';
import { SlotLedgerRepository } from './grants/slot-ledger.repository.js';
import { UncountedSlotsRepository } from './grants/uncounted-slots.repository.js';
import { ExpiryNoticesRepository } from './outbox/expiry-notices.repository.js';
import { OutboxEventsRepository } from './outbox/outbox-events.repository.js';
import { OutboxListsRepository } from './outbox/outbox-lists.repository.js';
import { Outbox } from './outbox/outbox.js';
import { WebhookTargetsRepository } from './outbox/webhook-targets.repository.js';
import { WebhooksRepository } from './outbox/webhooks.repository.js';
import { KeyUsageRepository } from './sealed/key-usage.repository.js';
import { AccountRemediations } from './security-events/account-remediations.js';
import { SecurityEventsRepository } from './security-events/security-events.repository.js';
import { DelegatedCredentialsRepository } from './services/delegated-credentials.repository.js';
import { ServiceUsageRepository } from './services/service-usage.repository.js';
import { ServiceBrandingRepository } from './services/service-branding.repository.js';
import { ServicesRepository } from './services/services.repository.js';

/**
 * Owns PostgreSQL: the tables, their migrations, and the ciphertext in them. The only module that knows Prisma and SQL. Others
 * import its `*.repository.ts`, the change feed and database health; other files serve these. Transactions are READ COMMITTED; every change of a grant is
 * atomic with its tokens, slots and events, and is published to all replicas.
 * Does not own keys (sealing/) nor decisions: it stores what a use case decided, in full or not at all.
 */
@Global()
@Module({
  providers: [
    Database,
    DatabaseHealth,
    AuthorizationRequestsRepository,
    ConnectTicketListsRepository,
    ConnectTicketsRepository,
    GrantsRepository,
    AccessTokens,
    GrantImportsRepository,
    GrantListsRepository,
    GrantSearchRepository,
    CredentialSealer,
    ResealCredentials,
    GrantWatermarks,
    BookRefreshToken,
    SaveRefresh,
    SlotBookings,
    SlotCounts,
    Outbox,
    ChangeHeartbeats,
    ChangeFeed,
    RefreshLeaseRepository,
    SlotLedgerRepository,
    UncountedSlotsRepository,
    FinishRevocation,
    RevocationMarks,
    RevocationsRepository,
    RevocationSamplesRepository,
    RotatedTokensRepository,
    PendingConsentsRepository,
    PendingExchangesRepository,
    AccountRemediations,
    SecurityEventsRepository,
    ServicesRepository,
    ServiceUsageRepository,
    ServiceBrandingRepository,
    DelegatedCredentialsRepository,
    ServiceAccountsRepository,
    OutboxEventsRepository,
    OutboxListsRepository,
    WebhooksRepository,
    WebhookTargetsRepository,
    DeclarationsRepository,
    DeclaredSettingsRepository,
    ExpiryNoticesRepository,
    AccountTreesRepository,
    AuditLog,
    AuditEventsRepository,
    AuditExportRepository,
    AuditPartitionsRepository,
    KeyUsageRepository,
    ActivityRepository,
    ConsoleSessionsRepository,
    OverviewRepository,
  ],
  exports: [
    DatabaseHealth,
    AuthorizationRequestsRepository,
    ConnectTicketListsRepository,
    ConnectTicketsRepository,
    GrantsRepository,
    GrantImportsRepository,
    GrantListsRepository,
    GrantSearchRepository,
    ChangeFeed,
    RefreshLeaseRepository,
    SlotLedgerRepository,
    UncountedSlotsRepository,
    RevocationsRepository,
    RevocationSamplesRepository,
    RotatedTokensRepository,
    PendingConsentsRepository,
    PendingExchangesRepository,
    SecurityEventsRepository,
    ServicesRepository,
    ServiceUsageRepository,
    ServiceBrandingRepository,
    DelegatedCredentialsRepository,
    ServiceAccountsRepository,
    OutboxEventsRepository,
    OutboxListsRepository,
    WebhooksRepository,
    WebhookTargetsRepository,
    DeclarationsRepository,
    DeclaredSettingsRepository,
    ExpiryNoticesRepository,
    AccountTreesRepository,
    AuditLog,
    AuditEventsRepository,
    AuditExportRepository,
    AuditPartitionsRepository,
    KeyUsageRepository,
    ActivityRepository,
    ConsoleSessionsRepository,
    OverviewRepository,
  ],
})
export class TokenStoreModule {}
