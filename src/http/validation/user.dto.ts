import { ApiProperty } from '@nestjs/swagger';
import { IsUserId } from './validators.js';

/** The path of a route about one user. */
export class UserPath {
  @ApiProperty({ description: 'Your own id of the user', example: 'alice' })
  @IsUserId()
  userId!: string;
}
