import { ApiProperty } from '@nestjs/swagger';
import { Matches } from 'class-validator';
import { IsUserId } from '../http/validation/validators.js';
import { COMPLETION_CODE } from './pending-consents.js';

export class CompletionDto {
  @ApiProperty({ description: 'connect_code, as the browser brought it to return_to' })
  @Matches(COMPLETION_CODE, { message: 'is not as the broker made it.' })
  code!: string;

  @ApiProperty({ description: 'The user of the session that brought the code' })
  @IsUserId()
  user_id!: string;
}
