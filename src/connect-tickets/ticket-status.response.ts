import { ApiProperty } from '@nestjs/swagger';
import { TICKET_PURPOSES, type TicketPurpose } from '../domain/connect/connect-request.js';
import type { ConnectOutcome } from '../domain/connect/connect-outcome.js';
import {
  type ConnectTicket,
  expiryCauseOf,
  stateAt,
  TICKET_STATES,
  type TicketState,
} from '../domain/connect/connect-ticket.js';
import type { Account } from '../domain/grant/grant.js';
import { AccountResponse } from '../http/validation/account.response.js';

export class TicketStatusResponse {
  @ApiProperty({ example: 'h3k9x2mvq7aw' })
  id!: string;

  @ApiProperty({ enum: TICKET_PURPOSES })
  purpose!: TicketPurpose;

  @ApiProperty({
    enum: TICKET_STATES,
    description:
      '`opened`: a browser shows its page; `at_google`: its button was pressed; `pending`: the user has consented and ' +
      'Google has issued tokens, and the broker, or with `confirm` your server, has still to finish it. `success`, `partial`, `denied`, `failed`, ' +
      '`cancelled` and `expired` are ends',
  })
  state!: TicketState;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Why it ended so (docs/connecting.md#why-a-connect-failed); null after success',
  })
  reason!: string | null;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Of the call that changed it last, as in the log',
  })
  request_id!: string | null;

  @ApiProperty({ example: 'alice' })
  user_id!: string;

  @ApiProperty({ description: 'The alias of the Google client; `*` of a page about all clients' })
  client!: string;

  @ApiProperty({ description: 'What was asked for, separated by spaces' })
  scope!: string;

  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  grant_id!: string | null;

  @ApiProperty({
    type: AccountResponse,
    nullable: true,
    description: 'The account that was chosen, also where another one was required',
  })
  account!: AccountResponse | null;

  @ApiProperty({ type: [String], description: 'What the user did not allow' })
  missing_scopes!: string[];

  @ApiProperty({
    type: [AccountResponse],
    description:
      'Accounts of dead grants of this user, where another account was connected: those grants stay dead. Empty as a rule',
  })
  instead_of!: AccountResponse[];

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When a browser opened it' })
  opened_at!: string | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When its button was pressed',
  })
  started_at!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  ended_at!: string | null;

  @ApiProperty({ format: 'date-time', description: 'When it expires unless it ends before' })
  expires_at!: string;
}

export function toTicketStatus(ticket: ConnectTicket, now: Date): TicketStatusResponse {
  const { id, reason, requestId, connectRequest, grantId, outcome } = ticket;
  const state = stateAt(ticket, now);
  return {
    id,
    purpose: connectRequest.purpose ?? 'connect',
    state,
    // Before the job writes it.
    reason: state === 'expired' && ticket.endedAt === null ? expiryCauseOf(ticket) : reason,
    request_id: requestId,
    user_id: connectRequest.userId,
    client: connectRequest.client,
    scope: connectRequest.scopes.join(' '),
    grant_id: grantId,
    account: accountOf(outcome),
    missing_scopes: outcome?.kind === 'granted' ? [...outcome.missing] : [],
    instead_of: outcome?.kind === 'granted' ? outcome.insteadOf.map(toAccount) : [],
    created_at: ticket.createdAt.toISOString(),
    opened_at: ticket.openedAt?.toISOString() ?? null,
    started_at: ticket.startedAt?.toISOString() ?? null,
    ended_at: ticket.endedAt?.toISOString() ?? null,
    expires_at: ticket.expiresAt.toISOString(),
  };
}

function accountOf(outcome: ConnectOutcome | null): AccountResponse | null {
  switch (outcome?.kind) {
    case 'granted':
    case 'held':
      return toAccount(outcome.account);
    case 'failed':
      return outcome.account ? toAccount(outcome.account) : null;
    default:
      return null;
  }
}

function toAccount({ sub, email }: Account): AccountResponse {
  return { sub, email };
}
