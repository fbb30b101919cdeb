import { ApiProperty } from '@nestjs/swagger';

export class CompletionResponse {
  @ApiProperty({ enum: ['success', 'partial'] })
  connect!: 'success' | 'partial';

  @ApiProperty({ format: 'uuid' })
  grant_id!: string;

  @ApiProperty({ type: [String] })
  missing_scopes!: string[];
}
