import { ApiProperty } from '@nestjs/swagger';
import { IsUserId, rule } from '../http/validation/validators.js';
import { isCompletionCode } from './pending-consents.js';

const IsCompletionCode = rule(
  'isCompletionCode',
  (value) => typeof value === 'string' && isCompletionCode(value),
  'is not as the broker made it.',
);

export class CompletionDto {
  @ApiProperty({ description: 'connect_code, as the browser brought it to return_to' })
  @IsCompletionCode()
  code!: string;

  @ApiProperty({ description: 'The user of the session that brought the code' })
  @IsUserId()
  user_id!: string;
}
