import { ApiProperty } from '@nestjs/swagger';
import type { AccessPath } from '../domain/ads/access-map.js';
import { ACCESS_ROLES } from '../domain/ads/access-role.js';

/** How a Google Ads account can be called. */
export class AccessPathResponse {
  @ApiProperty({ description: 'The root that the call goes through', example: '1000000001' })
  login_customer_id!: string;

  @ApiProperty({
    enum: ACCESS_ROLES,
    type: String,
    nullable: true,
    description: 'The role on the root, which holds on the account; null: Google does not say',
  })
  role!: string | null;

  @ApiProperty({ description: 'Links between the root and the account', example: 1 })
  distance!: number;

  @ApiProperty({ description: 'Whether the header login-customer-id must be sent' })
  header_needed!: boolean;
}

export function toAccessPathResponse({
  loginCustomerId,
  role,
  distance,
  headerNeeded,
}: AccessPath): AccessPathResponse {
  return { login_customer_id: loginCustomerId, role, distance, header_needed: headerNeeded };
}
