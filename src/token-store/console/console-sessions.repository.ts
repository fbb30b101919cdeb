/**
 * The sessions of the console, so that one that ended has ended on all replicas. Owns no decision about who may sign in, and
 * nothing of what the sealed cookie holds (console/sign-in/).
 */
import { Injectable } from '@nestjs/common';
import { foldEmail } from '../../domain/text.js';
import { Database } from '../client/database.js';
import { inBatches, MAX_BATCH_ROWS } from '../client/bounded-statements.js';

/** How long a session that is over is kept, for those who look into the table. */
const KEPT_MS = 30 * 24 * 3600 * 1000;

@Injectable()
export class ConsoleSessionsRepository {
  constructor(private readonly database: Database) {}

  async start(session: {
    readonly id: string;
    readonly email: string;
    readonly startedAt: Date;
    readonly expiresAt: Date;
  }): Promise<void> {
    await this.database.consoleSession.create({ data: { ...session, email: foldEmail(session.email) } });
  }

  /** Whether the session was started, and has neither expired nor ended. */
  async isActive(id: string, now: Date): Promise<boolean> {
    const session = await this.database.consoleSession.findUnique({ where: { id } });
    return session !== null && session.endedAt === null && session.expiresAt > now;
  }

  async end(id: string, now: Date): Promise<void> {
    await this.database.consoleSession.updateMany({ where: { id, endedAt: null }, data: { endedAt: now } });
  }

  /** @param email of one person; null: of all @returns how many sessions ended */
  async endAll(email: string | null, now: Date): Promise<number> {
    const { count } = await this.database.consoleSession.updateMany({
      where: {
        endedAt: null,
        expiresAt: { gt: now },
        ...(email === null ? {} : { email: foldEmail(email) }),
      },
      data: { endedAt: now },
    });
    return count;
  }

  async prune(now: Date, shutdown?: AbortSignal): Promise<void> {
    const before = new Date(now.getTime() - KEPT_MS);
    const old = { where: { expiresAt: { lt: before } }, limit: MAX_BATCH_ROWS };
    await inBatches(async () => (await this.database.consoleSession.deleteMany(old)).count, shutdown);
  }
}
