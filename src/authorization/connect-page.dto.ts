import { IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { MAX_TICKET_LENGTH } from '../connect-tickets/connect-tickets.service.js';
import { IgnoreUnknown } from '../http/validation/ignore-unknown.decorator.js';

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

@IgnoreUnknown()
export class ShowTicketDto extends TicketDto {
  /** Whether the user continues in a browser that Google may refuse. */
  @IsOptional()
  @IsString()
  here?: string;
}

/** The address of the page that a browser sees after Google. */
@IgnoreUnknown()
export class ResultQuery {
  @IsOptional()
  @Matches(/^[\w.-]{1,64}$/, { message: 'is not as the broker made it.' })
  ticket?: string;

  /** The reason of a refusal of the callback. */
  @IsOptional()
  @Matches(/^[a-z_]{1,32}$/, { message: 'is not as the broker made it.' })
  refused?: string;

  /** The id of the request that was refused, to find it in the log. */
  @IsOptional()
  @Matches(/^[\w.-]{1,64}$/, { message: 'is not as the broker made it.' })
  request?: string;
}
