import type { Settings } from '../../config/settings.js';
import { type AddressSource, directAddress, type ServerPlace } from '../client/address-source.js';
import { ChangeListener, type Notification } from './change-listener.js';
import { FRESH_MS } from './feed-freshness.js';

const RECONNECT_MS = 200;
const MAX_RECONNECT_MS = 5000;
/** The connection is replaced at a random moment between these shares of its lifetime: 0.7 and 0.7 + 0.2. */
const REPLACE_FROM = 0.7;
const REPLACE_DISTRIBUTED = 0.2;

type ListenSettings = Pick<Settings, 'databaseConnectionLifetimeMs' | 'databasePooler'> &
  Parameters<typeof directAddress>[0];

/**
 * Whether a connection may take the place of another at the same server:
 * - `complete`: the previous one has received all that was sent before the new one listened
 * - `missed`: it may have missed some of it
 * - `failed`: it is unknown whether the new one receives anything
 * - `stopped`: neither is needed any more
 */
export type HandOver = 'complete' | 'missed' | 'failed' | 'stopped';

interface ListenEvents {
  readonly notified: (notification: Notification, by: ChangeListener) => void;
  /** Two connections listen at the same server. */
  readonly handOver: (previous: ChangeListener, next: ChangeListener) => Promise<HandOver>;
  /**
   * A connection is the current one; the previous one listens too until this handler returns.
   * @param isComplete whether nothing was missed before it
   */
  readonly opened: (isComplete: boolean) => Promise<void>;
  /** The current connection ended, or is too old. */
  readonly lost: (error: unknown) => void;
  /** None listens, and none could be opened. */
  readonly openFailed: (error: unknown) => void;
}

/** Keeps one connection listening: replaces it before it is too old, and reconnects with backoff when it is lost. */
export class ListenConnection {
  readonly #source: AddressSource;
  #current: ChangeListener | null = null;
  #replaceAt = 0;
  #reconnectMs = RECONNECT_MS;
  #isOpening = false;
  #isClosed = false;

  constructor(
    private readonly settings: ListenSettings,
    private readonly events: ListenEvents,
    at: ServerPlace | null = null,
  ) {
    this.#source = directAddress(settings, at);
  }

  get current(): ChangeListener | null {
    return this.#current;
  }

  /** Opens a connection that takes the place of the current one. */
  async open(): Promise<void> {
    if (this.#isOpening || this.#isClosed) return;
    this.#isOpening = true;
    try {
      const listener = await this.#connect();
      const previous = this.#current;
      const isSameServer = previous?.server === listener.server;
      const handOver = isSameServer ? await this.events.handOver(previous, listener) : 'missed';
      // A failed one: the previous connection goes on, and is replaced at the next tick.
      if (handOver === 'stopped' || (handOver === 'failed' && this.#current === previous)) {
        await listener.close();
        return;
      }
      this.#current = listener;
      const lifetimeMs = this.settings.databaseConnectionLifetimeMs;
      this.#replaceAt = listener.openedAt + lifetimeMs * (REPLACE_FROM + REPLACE_DISTRIBUTED * Math.random());
      await this.events.opened(handOver === 'complete');
      await previous?.close();
    } catch (error) {
      if (!this.#current) this.events.openFailed(error);
    } finally {
      this.#isOpening = false;
      if (!this.#current) this.#reconnectLater();
    }
  }

  /** Called regularly: replaces a connection that is due. */
  replaceWhenDue(): void {
    const now = performance.now();
    const listener = this.#current;
    if (!listener || now < this.#replaceAt) return;
    // One that could not be replaced in time may be at a server that takes no writes any more.
    const lifetimeMs = this.settings.databaseConnectionLifetimeMs + FRESH_MS;
    if (now > listener.openedAt + lifetimeMs) this.#lose(listener);
    else void this.open();
  }

  /** Closes a connection that delivers nothing, and opens another. */
  drop(listener: ChangeListener): void {
    this.#current = null;
    if (!this.#isOpening) this.#reconnectLater();
    void listener.close();
  }

  resetBackoff(): void {
    this.#reconnectMs = RECONNECT_MS;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#current?.close();
  }

  async #connect(): Promise<ChangeListener> {
    const { databaseDirectUrl, databasePooler } = this.settings;
    const pooler = databaseDirectUrl === null ? databasePooler : 'session';
    const listener = await ChangeListener.open(this.#source, pooler, {
      notified: this.events.notified,
      lost: (lost, error) => {
        this.#lose(lost, error);
      },
    });
    if (!this.#isClosed) return listener;
    await listener.close();
    throw new Error('The broker stops.');
  }

  #reconnectLater(): void {
    const ms = this.#reconnectMs;
    this.#reconnectMs = Math.min(MAX_RECONNECT_MS, 2 * ms);
    setTimeout(() => void this.open(), ms).unref();
  }

  #lose(listener: ChangeListener, error?: Error): void {
    if (listener !== this.#current || this.#isClosed) return;
    this.events.lost(error);
    this.drop(listener);
  }
}
