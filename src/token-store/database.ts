import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import { Settings } from '../config/settings.js';
import type { DatabaseHealth } from '../domain/ports/database-health.js';
import { PrismaClient } from './prisma-client/client.js';

/** A query that takes longer is stuck; better an error than a pool without connections. */
const STATEMENT_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** PostgreSQL through Prisma. */
@Injectable()
export class Database extends PrismaClient implements DatabaseHealth, OnApplicationShutdown {
  constructor(settings: Settings) {
    super({
      // The longer formats quote the arguments of a query.
      errorFormat: 'minimal',
      adapter: new PrismaPg({
        connectionString: settings.databaseUrl.reveal(),
        max: settings.databasePoolSize,
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        statement_timeout: STATEMENT_TIMEOUT_MS,
      }),
    });
  }

  async answers(): Promise<boolean> {
    return this.$queryRaw`SELECT 1`.then(
      () => true,
      () => false,
    );
  }

  async onApplicationShutdown(): Promise<void> {
    await this.$disconnect();
  }
}
