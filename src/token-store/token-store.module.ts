import { Global, Module } from '@nestjs/common';
import { AuthorizationRequestStore } from '../domain/ports/authorization-request-store.js';
import { DatabaseHealth } from '../domain/ports/database-health.js';
import { GrantStore } from '../domain/ports/grant-store.js';
import { ServiceStore } from '../domain/ports/service-store.js';
import { Database } from './database.js';
import { PrismaAuthorizationRequests } from './prisma-authorization-requests.js';
import { PrismaGrants } from './prisma-grants.js';
import { PrismaServices } from './prisma-services.js';

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
    { provide: ServiceStore, useClass: PrismaServices },
  ],
  exports: [DatabaseHealth, AuthorizationRequestStore, GrantStore, ServiceStore],
})
export class TokenStoreModule {}
