import { Transform, Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { HttpEnvironment } from './http-environment.js';

export const boolean = ({ value }: { value: unknown }) =>
  value === 'true' ? true : value === 'false' ? false : value;

/** The settings of PostgreSQL: where it is, what is in between, how connections are used. */
export class DatabaseEnvironment extends HttpEnvironment {
  /** PostgreSQL itself, where DATABASE_URL leads to a pooler: for LISTEN and `token-broker migrate`. */
  @IsOptional()
  @Matches(/^postgres(ql)?:\/\/\S+$/, { message: 'must be a postgresql:// URL' })
  DATABASE_DIRECT_URL?: string;

  /** How the pooler of DATABASE_URL shares connections; unset: found out. */
  @IsOptional()
  @IsIn(['session', 'transaction'], { message: 'must be session or transaction' })
  DATABASE_POOLER?: 'session' | 'transaction';

  /** Whether to serve from a database that a newer version has migrated: on the way back to the version before. */
  @Transform(boolean)
  @IsIn([true, false], { message: 'must be true or false' })
  ALLOW_NEWER_SCHEMA = false;

  /** Connections to PostgreSQL. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(500)
  DATABASE_POOL_SIZE = 10;

  /** For how many seconds a connection to PostgreSQL is used before it is opened again. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(3600)
  DATABASE_CONNECTION_LIFETIME_SECONDS = 30;
}
