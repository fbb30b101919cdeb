import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import type { AccessMap } from '../domain/ads/access-map.js';
import { AccountAnswer } from '../http/account-answer.js';
import { IsAccount, IsClientAlias, ToInteger } from '../http/field-rules.js';
import { toWayAnswer, WayAnswer } from '../http/way-answer.js';

const GAPS = ['closed', 'refused', 'cut_off', 'unknown', 'unreached'];

export class CustomersQuery {
  @ApiPropertyOptional({
    description: 'The alias of the Google client; may be left out when there is a default',
  })
  @IsOptional()
  @IsClientAlias()
  client?: string;

  @ApiPropertyOptional({ description: "Which of the user's accounts, by sub or email" })
  @IsOptional()
  @IsAccount()
  account?: string;

  @ApiPropertyOptional({
    description: 'How old the answer may be, in seconds; 0 asks Google. By default ADS_MAX_AGE of the broker',
    type: Number,
  })
  @IsOptional()
  @ToInteger()
  @IsInt({ message: 'must be a whole number of seconds.' })
  @Min(0, { message: 'must be 0 or more.' })
  @Max(31_622_400, { message: 'must be a year or less.' })
  max_age?: number;
}

class CustomerAnswer {
  @ApiProperty({ example: '1000000004' })
  id!: string;

  @ApiProperty({ type: String, nullable: true })
  name!: string | null;

  @ApiProperty({ description: 'A manager, or an advertiser' })
  manager!: boolean;

  @ApiProperty({ type: String, nullable: true, description: "Google's CustomerStatus", example: 'ENABLED' })
  status!: string | null;

  @ApiProperty({ type: [String], description: 'The managers directly above it, as far as the user sees' })
  managers!: string[];

  @ApiProperty({ type: [WayAnswer], description: 'The best first: by role, then by the shortest path' })
  access!: WayAnswer[];
}

class GapAnswer {
  @ApiProperty({ example: '1000000002' })
  customer_id!: string;

  @ApiProperty({ enum: GAPS })
  why!: string;
}

/** The accounts a user reaches in Google Ads, and how. */
export class CustomersAnswer {
  @ApiProperty({ type: AccountAnswer })
  account!: AccountAnswer;

  @ApiProperty({ description: 'The alias of the Google client', example: 'default' })
  client!: string;

  @ApiProperty({ format: 'date-time', description: 'When the broker began to ask Google' })
  synced_at!: string;

  @ApiProperty({ description: 'Seconds since then', example: 42 })
  age!: number;

  @ApiProperty({ description: 'Whether nothing is missing: `gaps` is empty' })
  complete!: boolean;

  @ApiProperty({ type: [CustomerAnswer] })
  customers!: CustomerAnswer[];

  @ApiProperty({ type: [GapAnswer], description: 'Accounts about which something is missing, and why' })
  gaps!: GapAnswer[];
}

export function toCustomers(map: AccessMap): Pick<CustomersAnswer, 'customers' | 'gaps' | 'complete'> {
  const gaps = [
    ...map.tree.gaps.map(({ customer, why }) => ({ customer_id: customer, why })),
    ...map.unknown.map((id) => ({ customer_id: id, why: 'unknown' })),
    ...map.unreached.map((id) => ({ customer_id: id, why: 'unreached' })),
  ];
  const customers = map.tree.accounts.map(({ id, name, manager, status }) => ({
    id,
    name,
    manager,
    status,
    managers: map.managersOf(id),
    access: map.waysTo(id).map(toWayAnswer),
  }));
  return { complete: gaps.length === 0, customers, gaps };
}
