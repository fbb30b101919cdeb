import { IsOptional, IsString, MaxLength } from 'class-validator';
import { MAX_TICKET_LENGTH } from '../connect-tickets/connect-ticket.js';

/* What the page of a connect link and its form send. Their messages are for a person. */

class TicketDto {
  @IsString({ message: 'is missing: open the link exactly as the app gave it to you.' })
  @MaxLength(MAX_TICKET_LENGTH, { message: 'is too long: open the link exactly as the app gave it to you.' })
  ticket!: string;
}

/** The form of the connect page. */
export class TicketFormDto extends TicketDto {
  /** Present where its second button was pressed. */
  @IsOptional()
  @IsString()
  @MaxLength(10)
  cancel?: string;
}

export class ShowTicketDto extends TicketDto {
  /** Whether the user goes on in a browser that Google may refuse. */
  @IsOptional()
  @IsString()
  here?: string;
}
