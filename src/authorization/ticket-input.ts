import { IsString, MaxLength } from 'class-validator';

export class TicketInput {
  @IsString({ message: 'is missing: open the link exactly as the app gave it to you.' })
  @MaxLength(8000, { message: 'is too long to be one of ours.' })
  ticket!: string;
}
