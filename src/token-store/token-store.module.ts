import { Global, Module } from '@nestjs/common';
import { AccountTrees } from '../domain/ports/account-trees.js';
import { AuditLog } from '../domain/ports/audit-log.js';
import { AuditTrail } from '../domain/ports/audit-trail.js';
import { AuthorizationRequestStore } from '../domain/ports/authorization-request-store.js';
import { ChangeFeed } from '../domain/ports/change-feed.js';
import { DatabaseHealth } from '../domain/ports/database-health.js';
import { KeyUsage } from '../domain/ports/key-usage.js';
import { ExpiryNotices } from '../domain/ports/expiry-notices.js';
import { GrantStore } from '../domain/ports/grant-store.js';
import { PendingConsents } from '../domain/ports/pending-consents.js';
import { PendingExchanges } from '../domain/ports/pending-exchanges.js';
import { RefreshLeases } from '../domain/ports/refresh-leases.js';
import { Revocations } from '../domain/ports/revocations.js';
import { SlotLedger } from '../domain/ports/slot-ledger.js';
import { SecurityMeasures } from '../domain/ports/security-measures.js';
import { ServiceAccountStore } from '../domain/ports/service-account-store.js';
import { ServiceStore } from '../domain/ports/service-store.js';
import { UndeliveredEvents } from '../domain/ports/undelivered-events.js';
import { AccountMeasures } from './account-measures.js';
import { AccessTokens } from './access-tokens.js';
import { ChangeHeartbeats } from './change-heartbeats.js';
import { Credentials } from './credentials.js';
import { GrantWatermarks } from './grant-watermarks.js';
import { Database } from './database.js';
import { GrantLists } from './grant-lists.js';
import { PostgresChanges } from './postgres-changes.js';
import { PostgresKeyUsage } from './postgres-key-usage.js';
import { PostgresRefreshLeases } from './postgres-refresh-leases.js';
import { PrismaAccountTrees } from './prisma-account-trees.js';
import { PrismaAuditLog } from './prisma-audit-log.js';
import { PrismaAuditTrail } from './prisma-audit-trail.js';
import { PrismaAuthorizationRequests } from './prisma-authorization-requests.js';
import { PrismaExpiryNotices } from './prisma-expiry-notices.js';
import { PrismaGrants } from './prisma-grants.js';
import { FinishRevocation } from './finish-revocation.js';
import { Outbox } from './outbox.js';
import { PrismaPendingConsents } from './prisma-pending-consents.js';
import { PrismaPendingExchanges } from './prisma-pending-exchanges.js';
import { PrismaSecurityMeasures } from './prisma-security-measures.js';
import { PrismaRevocations } from './prisma-revocations.js';
import { PrismaSlotLedger } from './prisma-slot-ledger.js';
import { PrismaServiceAccounts } from './prisma-service-accounts.js';
import { PrismaServices } from './prisma-services.js';
import { PrismaUndeliveredEvents } from './prisma-undelivered-events.js';
import { ResealCredentials } from './reseal-credentials.js';
import { RefreshTokens } from './refresh-tokens.js';
import { SaveRefresh } from './save-refresh.js';
import { SlotBookings } from './slot-bookings.js';

/**
 * Owns PostgreSQL: the tables, their migrations, and the ciphertext in them. The only room that knows Prisma.
 * Does not own keys (sealing/) nor any decision: it stores what a use case decided, whole or not at all.
 */
@Global()
@Module({
  providers: [
    Database,
    { provide: DatabaseHealth, useExisting: Database },
    { provide: AuthorizationRequestStore, useClass: PrismaAuthorizationRequests },
    { provide: GrantStore, useClass: PrismaGrants },
    AccessTokens,
    GrantLists,
    Credentials,
    ResealCredentials,
    GrantWatermarks,
    RefreshTokens,
    SaveRefresh,
    SlotBookings,
    Outbox,
    ChangeHeartbeats,
    { provide: ChangeFeed, useClass: PostgresChanges },
    { provide: RefreshLeases, useClass: PostgresRefreshLeases },
    { provide: SlotLedger, useClass: PrismaSlotLedger },
    FinishRevocation,
    { provide: Revocations, useClass: PrismaRevocations },
    { provide: PendingConsents, useClass: PrismaPendingConsents },
    { provide: PendingExchanges, useClass: PrismaPendingExchanges },
    AccountMeasures,
    { provide: SecurityMeasures, useClass: PrismaSecurityMeasures },
    { provide: ServiceStore, useClass: PrismaServices },
    { provide: ServiceAccountStore, useClass: PrismaServiceAccounts },
    { provide: UndeliveredEvents, useClass: PrismaUndeliveredEvents },
    { provide: ExpiryNotices, useClass: PrismaExpiryNotices },
    { provide: AccountTrees, useClass: PrismaAccountTrees },
    { provide: AuditLog, useClass: PrismaAuditLog },
    { provide: AuditTrail, useClass: PrismaAuditTrail },
    { provide: KeyUsage, useClass: PostgresKeyUsage },
  ],
  exports: [
    DatabaseHealth,
    AuthorizationRequestStore,
    GrantStore,
    ChangeFeed,
    RefreshLeases,
    SlotLedger,
    Revocations,
    PendingConsents,
    PendingExchanges,
    SecurityMeasures,
    ServiceStore,
    ServiceAccountStore,
    UndeliveredEvents,
    ExpiryNotices,
    AccountTrees,
    AuditLog,
    AuditTrail,
    KeyUsage,
  ],
})
export class TokenStoreModule {}
