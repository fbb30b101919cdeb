import { IsString, MaxLength } from 'class-validator';
import { LONGEST_TICKET } from './connect-ticket.js';

export class TicketInput {
  @IsString({ message: 'is missing: open the link exactly as the app gave it to you.' })
  @MaxLength(LONGEST_TICKET, { message: 'is too long to be a ticket of this broker.' })
  ticket!: string;
}
