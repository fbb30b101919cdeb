import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { TICKET_STATES, type TicketState } from '../domain/connect/connect-ticket.js';
import { ToInteger } from '../http/validation/validators.js';

/** Proxies and load balancers end a silent request after 60 seconds. */
const MAX_WAIT_SECONDS = 55;

export class TicketPath {
  @ApiProperty({ description: 'As POST /connect/tickets answered it' })
  @Matches(/^[\w.-]{1,64}$/, { message: 'must be the id of a ticket, as POST /connect/tickets answered it.' })
  id!: string;
}

export class WaitQuery {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: MAX_WAIT_SECONDS,
    default: 0,
    description: 'Seconds to wait for the end. The answer comes at once when the connect ends',
  })
  @IsOptional()
  @ToInteger()
  @IsInt({ message: 'must be a whole number of seconds.' })
  @Min(0, { message: 'must be 0 or more.' })
  @Max(MAX_WAIT_SECONDS, { message: `must be ${MAX_WAIT_SECONDS} or less.` })
  wait = 0;

  @ApiPropertyOptional({
    enum: TICKET_STATES,
    description: 'The state that you know: with `wait`, the answer comes as soon as it is another one',
  })
  @IsOptional()
  @IsIn(TICKET_STATES, { message: `must be one of ${TICKET_STATES.join(', ')}.` })
  state?: TicketState;
}
