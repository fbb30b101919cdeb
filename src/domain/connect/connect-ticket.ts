import type { ConnectCause } from './connect-cause.js';
import { endOf } from './connect-end.js';
import type { ConnectOutcome } from './connect-outcome.js';
import type { ConnectRequest } from './connect-request.js';

/**
 * Where a connect ticket stands. `opened`: a browser shows its page; `at_google`: its button was pressed; `pending`: the user
 * has consented and Google has issued tokens; the broker or the app's server has still to do its part. The others are ends.
 */
export const TICKET_STATES = [
  'created',
  'opened',
  'at_google',
  'pending',
  'success',
  'partial',
  'denied',
  'failed',
  'cancelled',
  'expired',
] as const;

export type TicketState = (typeof TICKET_STATES)[number];

/** Longer than Google and the database may take to exchange a code and store what came. */
export const EXCHANGE_SECONDS = 60;

/** A pending exchange of the broker itself lasts a day; its ticket a little longer. */
export const FINISHING_SECONDS = 26 * 3600;

/** What a service asks of a user, from its link to the outcome. */
export interface ConnectTicket {
  readonly id: string;
  readonly connectRequest: ConnectRequest;
  readonly state: TicketState;
  /** Null before an end; of `pending`, what the browser saw meanwhile. */
  readonly outcome: ConnectOutcome | null;
  /** Why it ended as it did; null after success. */
  readonly reason: ConnectCause | null;
  readonly grantId: string | null;
  /** Of the call that changed it last. */
  readonly requestId: string | null;
  /** Of the secret in its link; null where the link is sealed. */
  readonly secretHash: Uint8Array<ArrayBuffer> | null;
  /** Of the cookie of the browser that pressed the button. */
  readonly browserHash: Uint8Array<ArrayBuffer> | null;
  readonly createdAt: Date;
  readonly openedAt: Date | null;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  readonly expiresAt: Date;
  readonly exchangingUntil: Date | null;
  readonly version: number;
}

export type TicketChange = Partial<
  Pick<
    ConnectTicket,
    | 'state'
    | 'outcome'
    | 'reason'
    | 'grantId'
    | 'requestId'
    | 'browserHash'
    | 'openedAt'
    | 'startedAt'
    | 'endedAt'
    | 'expiresAt'
    | 'exchangingUntil'
  >
>;

/** The state now: one whose time is over is expired before a job says so. */
export function stateAt({ state, endedAt, expiresAt }: ConnectTicket, now: Date): TicketState {
  return endedAt === null && expiresAt <= now ? 'expired' : state;
}

/** Why a ticket expires: how far the user had come. */
export function expiryCauseOf({
  state,
  startedAt,
}: Pick<ConnectTicket, 'state' | 'startedAt'>): ConnectCause {
  if (state === 'pending') return 'not_confirmed';
  return startedAt === null ? 'ticket_expired' : 'state_expired';
}

/** Whether another response of the same ticket is being exchanged. */
export function isExchanging({ endedAt, exchangingUntil }: ConnectTicket, now: Date): boolean {
  return endedAt === null && exchangingUntil !== null && exchangingUntil > now;
}

/** How a ticket ends, or waits, with an outcome. @param pendingUntil when it expires unless it is finished before */
export function changeBy(
  outcome: ConnectOutcome,
  requestId: string | null,
  now: Date,
  pendingUntil: Date,
): TicketChange {
  const state = stateOf(outcome);
  const { cause } = endOf(outcome, null, '');
  return {
    state,
    outcome,
    reason: cause === 'none' ? null : cause,
    grantId: outcome.kind === 'granted' || outcome.kind === 'held' ? outcome.grantId : null,
    exchangingUntil: null,
    ...(requestId === null ? {} : { requestId }),
    ...(state === 'pending' ? { expiresAt: pendingUntil } : { endedAt: now }),
  };
}

function stateOf(outcome: ConnectOutcome): TicketState {
  switch (outcome.kind) {
    case 'granted':
      return outcome.missing.length > 0 ? 'partial' : 'success';
    case 'held':
      return 'success';
    case 'pending':
    case 'finishing':
      return 'pending';
    default:
      return outcome.kind;
  }
}
