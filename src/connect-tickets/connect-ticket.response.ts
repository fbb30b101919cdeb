import { ApiProperty } from '@nestjs/swagger';

/** A link to show to the user, or to redirect the user to. */
export class ConnectTicketResponse {
  @ApiProperty({ description: 'For GET /connect/tickets/:id', example: 'h3k9x2mvq7aw' })
  id!: string;

  @ApiProperty({
    description: 'For one browser, for 30 minutes. With the purpose manage it leads to /me/grants',
    example: 'https://broker.example.com/connect?ticket=ct_h3k9x2mvq7aw_QmV0dGVyIHNhZmUgdGg',
  })
  connect_url!: string;

  @ApiProperty({ format: 'date-time' })
  expires_at!: string;
}
