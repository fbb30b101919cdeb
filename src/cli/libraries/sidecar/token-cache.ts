/**
 * Keeps access tokens fresh for the sidecar: one for each set of scopes that is asked for, the default one in the background.
 * Owns when the broker is asked, backoff with jitter, and that the last token is handed out while it lives. Does not own the
 * request (../token-request.ts) or how a token leaves (metadata-server.ts, sidecar.ts).
 */
import { exponentialBackoff } from '../../../domain/grant/lease-and-backoff.js';
import type { GivenToken, Refusal, TokenOutcome, Unavailable } from '../token-request.js';

/** The broker answers no token with less while it can be refreshed: .NET's library takes one with less than 6 minutes as due. */
const REFRESH_SECONDS = 390;
/** How long a token is handed out without asking the broker: the user may have disconnected, or Google refused the token. */
const CONFIRMED_MS = 10_000;
/** How often the broker is asked about a refusal: the user may have connected again. */
const REFUSED_MS = 30_000;
/** How often the broker is asked about a token that it cannot refresh yet. */
const SHORT_LIVED_MS = 5_000;
/** So long the default token may be a dead one after a sleep. */
const MAX_TIMER_MS = 30_000;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** Of different sets of scopes. Libraries ask for few. */
const MAX_ENTRIES = 32;

/** A token as it is at this moment. */
export interface LiveToken {
  readonly kind: 'live';
  readonly token: GivenToken;
  /** Whole seconds, more than 0. */
  readonly expiresInSeconds: number;
}

export type SidecarToken = LiveToken | Refusal | Unavailable;

/** A test passes its own. */
export interface Clocks {
  /** Stands still while a laptop sleeps. */
  readonly monotonicMs: () => number;
  /** May be set back. */
  readonly wallMs: () => number;
  /** 0 to 1 */
  readonly random: () => number;
}

export interface Listeners {
  /** For the person who started it: each trouble once, and its end. */
  readonly report: (line: string) => void;
  /** The default token changed; null: there is none that could be used. */
  readonly changed: (token: GivenToken | null) => void;
}

interface TokenEntry {
  readonly scopes: readonly string[];
  held: { readonly token: GivenToken; readonly monotonicMs: number; readonly wallMs: number } | null;
  asking: Promise<TokenOutcome> | null;
  failures: number;
  /** Until then the broker is not asked. */
  notBeforeMs: number;
  lastFailure: Unavailable | null;
  /** What was reported about it last; null: nothing, or that it is well again. */
  reported: string | null;
}

export class TokenCache {
  readonly #entries = new Map<string, TokenEntry>();
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;

  /** @param defaultScopes empty: those of the policy and the grant */
  constructor(
    private readonly request: (scopes: readonly string[]) => Promise<TokenOutcome>,
    private readonly defaultScopes: readonly string[],
    private readonly clocks: Clocks,
    private readonly listeners: Listeners,
  ) {}

  /** Asks for the default token, and keeps it fresh from then on. */
  async start(): Promise<SidecarToken> {
    const kept = await this.token();
    this.#schedule(kept);
    return kept;
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  /** A fresh token; the last one while the broker cannot be reached; or why there is none. */
  async token(scopes: readonly string[] = this.defaultScopes): Promise<SidecarToken> {
    const entry = this.#entryOf(scopes);
    const live = this.#live(entry);
    const isFresh = live !== null && live.expiresInSeconds >= REFRESH_SECONDS;
    if (isFresh && this.#isConfirmed(entry)) return live;
    if (!entry.asking && this.clocks.monotonicMs() < entry.notBeforeMs) {
      if (live) return live;
      if (entry.lastFailure) return this.#withWait(entry, entry.lastFailure);
    }
    const asking = (entry.asking ??= this.#ask(entry).finally(() => (entry.asking = null)));
    const outcome = live ? await Promise.race([asking, patience(isFresh)]) : await asking;
    if (outcome === null) return live ?? expired();
    if (outcome.kind === 'refused') return outcome;
    return this.#live(entry) ?? (outcome.kind === 'unavailable' ? this.#withWait(entry, outcome) : expired());
  }

  #isConfirmed({ held }: TokenEntry): boolean {
    return held !== null && this.clocks.monotonicMs() - held.monotonicMs < CONFIRMED_MS;
  }

  async #ask(entry: TokenEntry): Promise<TokenOutcome> {
    const { monotonicMs, wallMs } = this.clocks;
    const outcome = await this.request(entry.scopes);
    const now = monotonicMs();
    entry.lastFailure = outcome.kind === 'unavailable' ? outcome : null;
    entry.failures = outcome.kind === 'unavailable' ? entry.failures + 1 : 0;
    entry.notBeforeMs = now;
    if (outcome.kind === 'token') {
      const isNew = entry.held?.token.accessToken.reveal() !== outcome.accessToken.reveal();
      entry.held = { token: outcome, monotonicMs: now, wallMs: wallMs() };
      if (isNew) this.#changed(entry, outcome);
    } else if (outcome.kind === 'refused') {
      // Google would refuse the last token too, or soon: the user ended the access, or the operator did.
      if (entry.held) this.#changed(entry, null);
      entry.held = null;
    } else {
      entry.notBeforeMs = now + this.#backoffMs(entry, outcome);
      this.#dropDead(entry);
    }
    this.#report(entry, outcome);
    return outcome;
  }

  #dropDead(entry: TokenEntry): void {
    if (!entry.held || this.#live(entry)) return;
    this.#changed(entry, null);
    entry.held = null;
  }

  #changed(entry: TokenEntry, token: GivenToken | null): void {
    if (entry.scopes === this.defaultScopes && !this.#isStopped) this.listeners.changed(token);
  }

  /** RFC 9110 section 10.2.3, or full jitter: sidecars that a restart of the broker disturbed must not all come back at once. */
  #backoffMs({ failures }: TokenEntry, { retryAfterSeconds }: Unavailable): number {
    const ceiling = exponentialBackoff(failures, FIRST_BACKOFF_MS, MAX_BACKOFF_MS);
    const asked = Math.min((retryAfterSeconds ?? 0) * 1000, MAX_BACKOFF_MS);
    return asked + Math.max(FIRST_BACKOFF_MS / 5, this.clocks.random() * ceiling);
  }

  #withWait({ notBeforeMs }: TokenEntry, { message }: Unavailable): Unavailable {
    const seconds = Math.max(1, Math.ceil((notBeforeMs - this.clocks.monotonicMs()) / 1000));
    return { kind: 'unavailable', message, retryAfterSeconds: seconds };
  }

  #live({ held }: TokenEntry): LiveToken | null {
    if (!held) return null;
    const { monotonicMs, wallMs } = this.clocks;
    const age = Math.max(monotonicMs() - held.monotonicMs, wallMs() - held.wallMs);
    const seconds = Math.floor(held.token.expiresInSeconds - age / 1000);
    return seconds > 0 ? { kind: 'live', token: held.token, expiresInSeconds: seconds } : null;
  }

  #entryOf(scopes: readonly string[]): TokenEntry {
    const key = scopes.toSorted().join(' ');
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = {
        scopes,
        held: null,
        asking: null,
        failures: 0,
        notBeforeMs: 0,
        lastFailure: null,
        reported: null,
      };
      this.#entries.set(key, entry);
      if (this.#entries.size > MAX_ENTRIES) this.#dropOldest();
    }
    return entry;
  }

  #dropOldest(): void {
    const oldest = [...this.#entries].find(([, { scopes }]) => scopes !== this.defaultScopes);
    if (oldest) this.#entries.delete(oldest[0]);
  }

  #schedule(kept: SidecarToken): void {
    const { monotonicMs, wallMs } = this.clocks;
    const waitMs = this.#waitMs(kept);
    this.#sleepUntil(monotonicMs() + waitMs, wallMs() + waitMs);
  }

  /** A timer stands still while a laptop sleeps, so a long wait is made of short ones. */
  #sleepUntil(dueMs: number, dueWallMs: number): void {
    if (this.#isStopped) return;
    const { monotonicMs, wallMs } = this.clocks;
    const leftMs = Math.max(0, Math.min(dueMs - monotonicMs(), dueWallMs - wallMs()));
    this.#timer = setTimeout(
      () => {
        if (leftMs <= MAX_TIMER_MS) void this.start();
        else this.#sleepUntil(dueMs, dueWallMs);
      },
      Math.min(leftMs, MAX_TIMER_MS),
    );
  }

  #waitMs(kept: SidecarToken): number {
    const { random } = this.clocks;
    if (kept.kind === 'refused') return REFUSED_MS * (0.75 + random() / 2);
    const entry = this.#entryOf(this.defaultScopes);
    if (entry.failures > 0) return Math.max(entry.notBeforeMs - this.clocks.monotonicMs(), 0) + 10;
    if (kept.kind === 'unavailable' || kept.expiresInSeconds < REFRESH_SECONDS)
      return SHORT_LIVED_MS * (0.75 + random() / 2);
    // All sidecars of a user have the same token: they do not all come in the second in which it is due.
    return (kept.expiresInSeconds - REFRESH_SECONDS + 1) * 1000 + random() * 10_000;
  }

  #report(entry: TokenEntry, outcome: TokenOutcome): void {
    const trouble = troubleOf(outcome);
    if (trouble === entry.reported || this.#isStopped) return;
    const isOver = trouble === null;
    entry.reported = trouble;
    const { report } = this.listeners;
    if (isOver) report('The broker gives tokens again.');
    else if (outcome.kind === 'refused') report(`${outcome.message} (${outcome.error})`);
    else if (outcome.kind === 'unavailable')
      report(`${outcome.message}${entry.held ? ' The last token is handed out while it lives.' : ''}`);
  }
}

/** The same for refusals that differ in their link only. */
function troubleOf(outcome: TokenOutcome): string | null {
  if (outcome.kind === 'token') return null;
  return outcome.kind === 'refused' ? `${outcome.error} ${outcome.code}` : outcome.kind;
}

/** So long a library waits that could have the last token: several end a request to a metadata server after 3 seconds. */
function patience(isFresh: boolean): Promise<null> {
  return new Promise((resolve) => {
    setTimeout(resolve, isFresh ? 500 : 2000, null).unref();
  });
}

function expired(): Unavailable {
  return { kind: 'unavailable', message: 'The token expired on its way.', retryAfterSeconds: 1 };
}
