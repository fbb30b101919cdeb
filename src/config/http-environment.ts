import { Transform, Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min, ValidateBy } from 'class-validator';
import { isProxy } from './is-proxy.js';

/** A setting with several values, comma separated. */
export const list = ({ value }: { value: unknown }) =>
  typeof value === 'string'
    ? value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
    : value;

/** The settings of what callers may take: calls a minute, time, connections, and who says where they come from. */
export class HttpEnvironment {
  /** Calls a minute that one service may make. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  SERVICE_RATE_LIMIT = 60_000;

  /** Calls a minute from one address, or one /64 of IPv6: to pages for browsers, and refused calls without a proved credential. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  BROWSER_RATE_LIMIT = 120;

  /** Deliveries a minute from one address that are no security events of Google's. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  SECURITY_EVENT_RATE_LIMIT = 6_000;

  /** How long a request's headers may take, from the connection or the request before, in milliseconds. */
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(600_000)
  HTTP_HEADERS_TIMEOUT_MS = 10_000;

  /** How long a whole request may take to arrive, with its body, in milliseconds. */
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(600_000)
  HTTP_REQUEST_TIMEOUT_MS = 30_000;

  /** How long nothing may move on a connection while a call is answered, in milliseconds. */
  @Type(() => Number)
  @IsInt()
  @Min(1_000)
  @Max(3_600_000)
  HTTP_CONNECTION_TIMEOUT_MS = 120_000;

  /** How long an idle connection is kept for the next request, in milliseconds. */
  @Type(() => Number)
  @IsInt()
  @Min(1_000)
  @Max(3_600_000)
  HTTP_KEEP_ALIVE_MS = 620_000;

  /** Connections at a time; unset: what the limit of open files leaves, 10,000 at most. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  HTTP_MAX_CONNECTIONS?: number;

  /** Whether a reverse proxy in front sets X-Forwarded-For: the addresses or CIDR ranges of that proxy. */
  @Transform(list)
  @ValidateBy(
    { name: 'isProxy', validator: { validate: isProxy } },
    { each: true, message: 'must be addresses or ranges such as 10.0.0.0/8, comma separated' },
  )
  TRUSTED_PROXIES: string[] = [];
}
