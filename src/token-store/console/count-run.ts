/**
 * One count over whole tables: while it runs its claim is renewed, so that no other replica counts beside it; its time is bounded, and
 * a part of it that fails leaves the others. The row's `claimed_at` is in the future while a count runs, and says afterwards when it
 * ended. Not a lock of the database: behind a pooler of transactions that would belong to no session.
 * Does not own what is counted (count-grants.ts, count-accounts.ts) nor when (operations/count-grants.job.ts).
 */
import { Logger } from '@nestjs/common';
import type { Clock } from '../../domain/ports/clock.js';
import type { Database } from '../client/database.js';

/** Longer than a statement may take together with what precedes the next renewal. */
const CLAIM_MS = 30_000;
const RENEW_MS = 5_000;
/** A count that takes longer would be on most of the time. */
const MAX_MS = 10 * 60_000;

const CLAIM = `
  INSERT INTO overview_snapshots AS snapshot (name, claimed_at) VALUES ($1, $2::timestamptz)
  ON CONFLICT (name) DO UPDATE SET claimed_at = excluded.claimed_at WHERE snapshot.claimed_at <= $3::timestamptz
  RETURNING name`;
const RENEW = `
  UPDATE overview_snapshots SET claimed_at = $3::timestamptz WHERE name = $1 AND claimed_at = $2::timestamptz RETURNING name`;
const STORE = `
  UPDATE overview_snapshots SET claimed_at = $3::timestamptz, taken_at = $4::timestamptz, content = $5::jsonb
  WHERE name = $1 AND claimed_at = $2::timestamptz`;

/** Another replica counts, or the process ends: nothing of this count is kept. */
class CountEnded extends Error {}

/** @returns whether it is this replica's; `until`: when another may take over */
export async function claim(
  database: Database,
  name: string,
  { until, olderThan }: { readonly until: Date; readonly olderThan: Date },
): Promise<boolean> {
  return (await database.prepared('claim the overview', CLAIM, [name, until, olderThan])).length > 0;
}

export class CountRun {
  readonly startedAt: Date;
  readonly missing: string[] = [];
  readonly #log = new Logger(CountRun.name);
  readonly #endsAtMs: number;
  #until: Date;
  #renewedAtMs: number;
  #failure: Error | null = null;

  private constructor(
    private readonly database: Database,
    private readonly name: string,
    private readonly clock: Clock,
    private readonly shutdown: AbortSignal,
  ) {
    this.startedAt = clock.now();
    this.#renewedAtMs = clock.monotonicMs();
    this.#endsAtMs = performance.now() + MAX_MS;
    this.#until = new Date(this.startedAt.getTime() + CLAIM_MS);
  }

  /** @param restMs since the end of the last count @returns null where another counts, or the last one ended too recently */
  static async begin(
    database: Database,
    name: string,
    clock: Clock,
    { restMs, shutdown }: { readonly restMs: number; readonly shutdown: AbortSignal },
  ): Promise<CountRun | null> {
    const run = new CountRun(database, name, clock, shutdown);
    const olderThan = new Date(run.startedAt.getTime() - restMs);
    return (await claim(database, name, { until: run.#until, olderThan })) ? run : null;
  }

  get isDistributed(): boolean {
    return this.database.isDistributed();
  }

  /** One statement, planned for its values: a plan for any values may sort a whole table. */
  async rows<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    await this.#renew();
    return this.database.unprepared<Row>(text, values);
  }

  /** Counts and stores, unless it must end before. */
  async whole(count: () => Promise<void>): Promise<void> {
    try {
      await count();
    } catch (error) {
      if (!(error instanceof CountEnded)) throw error;
      this.#log.log(error.message);
    }
  }

  /** @returns undefined where it failed, which is logged */
  async part<T>(name: string, count: () => Promise<T>): Promise<T | undefined> {
    try {
      return await count();
    } catch (error) {
      if (error instanceof CountEnded) throw error;
      this.#failure ??=
        error instanceof Error ? error : new Error('A part of the count failed.', { cause: error });
      this.missing.push(name);
      this.#log.error({ err: error, part: name }, 'a part of the count failed; the others are kept');
      return undefined;
    }
  }

  /** @throws what the first part failed with, where none succeeded */
  async store(content: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.#failure !== null && Object.values(content).every((part) => part === undefined))
      throw this.#failure;
    const all = JSON.stringify(this.missing.length > 0 ? { ...content, missing: this.missing } : content);
    const values = [this.name, this.#until, this.clock.now(), this.startedAt, all];
    await this.database.prepared('store the overview', STORE, values);
  }

  async #renew(): Promise<void> {
    if (this.shutdown.aborted)
      throw new CountEnded('A count of the grants was broken off: the process ends.');
    if (performance.now() > this.#endsAtMs)
      throw new Error(`The count took more than ${MAX_MS / 60_000} minutes.`);
    if (this.clock.monotonicMs() - this.#renewedAtMs < RENEW_MS) return;
    const until = new Date(this.clock.now().getTime() + CLAIM_MS);
    const renewed = await this.database.prepared('renew the claim of a count', RENEW, [
      this.name,
      this.#until,
      until,
    ]);
    if (renewed.length === 0)
      throw new CountEnded('A count of the grants was broken off: another replica counts.');
    this.#until = until;
    this.#renewedAtMs = this.clock.monotonicMs();
  }
}
