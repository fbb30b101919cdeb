import { ApiProperty } from '@nestjs/swagger';

/** A Google Account, as every route shows it. */
export class AccountResponse {
  @ApiProperty({ example: '103400000000000000001' })
  sub!: string;

  @ApiProperty({ type: String, nullable: true, example: 'alice@example.com' })
  email!: string | null;
}
