import 'reflect-metadata';
import { Transform, Type } from 'class-transformer';
import {
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  IsUrl,
  Matches,
  Max,
  Min,
  ValidateBy,
  ValidateIf,
} from 'class-validator';
import { boolean, DatabaseEnvironment } from './database-environment.js';
import { list } from './http-environment.js';
import { isProxyAddress } from './proxies.js';

const MODES = ['production', 'development', 'test'] as const;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

const PROXY_ADDRESS = {
  name: 'isProxyAddress',
  validator: { validate: isProxyAddress },
};
const PROXY_RULE = { message: 'must be the address of a proxy, such as http://proxy.example.com:3128' };

/** A URL we can be reached at: no path, query or fragment, so that joining paths has one meaning. */
const ORIGIN = /^https?:\/\/[^/?#\s]+$/;

/**
 * Every setting, under the name of its environment variable. A name ending in `_FILE` may replace any
 * secret setting: the value is then read from that file. Described for operators in docs/configuration.md.
 */
export class Environment extends DatabaseEnvironment {
  @IsIn(MODES, { message: 'must be production, development or test' })
  NODE_ENV: (typeof MODES)[number] = 'development';

  @IsString()
  HOST = '127.0.0.1';

  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(65535)
  PORT = 3000;

  /** Where browsers reach the broker. Google sends them back to this address + `/callback`. */
  @Matches(ORIGIN, { message: 'must be an origin such as https://broker.example.com, without a path' })
  PUBLIC_URL!: string;

  @Matches(/^postgres(ql)?:\/\/\S+$/, { message: 'must be a postgresql:// URL' })
  DATABASE_URL!: string;

  /** For how many seconds the broker serves on, not ready, before it stops: until balancers have noticed. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(600)
  SHUTDOWN_DELAY_SECONDS = 0;

  /** The key ring's path: a JSON Web Key Set made by `token-broker keys generate`. */
  @IsString()
  KEY_RING_FILE!: string;

  /** `alias=path` pairs, comma separated; a lone path gets the alias `default`. */
  @Transform(list)
  @IsString({ each: true })
  GOOGLE_CLIENT_SECRETS!: string[];

  /** Origins that `return_to` may name, comma separated. */
  @Transform(list)
  @Matches(ORIGIN, {
    each: true,
    message: 'must be origins such as https://app.example.com, comma separated',
  })
  RETURN_TO_ORIGINS: string[] = [];

  /** The stand-in for Google, for trying and testing. Unset: the real Google. */
  @IsOptional()
  @IsUrl(
    { require_tld: false, protocols: ['http', 'https'], require_protocol: true },
    { message: 'must be a URL' },
  )
  GOOGLE_STAND_IN_URL?: string;

  /** The proxy for requests to https addresses. Read from the process's environment where a request is made. */
  @IsOptional()
  @ValidateBy(PROXY_ADDRESS, PROXY_RULE)
  HTTPS_PROXY?: string;

  /** The proxy for requests to http addresses. */
  @IsOptional()
  @ValidateBy(PROXY_ADDRESS, PROXY_RULE)
  HTTP_PROXY?: string;

  /** Hosts, domains, addresses and CIDR ranges that are asked without a proxy, comma separated. */
  @IsOptional()
  @IsString()
  NO_PROXY?: string;

  /** How long Google may take to answer, in milliseconds. */
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(60_000)
  GOOGLE_TIMEOUT_MS = 10_000;

  /** Requests for tokens that wait for Google's answer at a time; more queue up. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  GOOGLE_CONCURRENCY = 100;

  /** How long a caller waits for its turn at Google at most, in seconds. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(600)
  GOOGLE_QUEUE_SECONDS = 10;

  /** For how many users tokens are remembered, besides the database; 0: for none. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(10_000_000)
  MEMORY_USERS = 20_000;

  /** For how many seconds remembered tokens are served while the database tells of no changes. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(600)
  MEMORY_WITHOUT_DATABASE_SECONDS = 0;

  /** How old what is remembered of grants and services may get before the database is asked again, in seconds. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(3600)
  CACHE_MAX_AGE_SECONDS = 60;

  /** How far this machine's clock may differ from the database's until the broker is not ready, in seconds. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(86_400)
  CLOCK_SKEW_MAX_SECONDS = 900;

  /** The version of the Google Ads API that is called. */
  @Matches(/^v\d{1,3}$/, { message: 'must be a version such as v26' })
  GOOGLE_ADS_API_VERSION = 'v26';

  /** How old what Google Ads told of a user's accounts may be, in seconds, unless a caller says otherwise. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  ADS_MAX_AGE = 86_400;

  /** How often one user's accounts are asked for at most, in seconds, whatever callers say of the age. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(3600)
  ADS_MIN_AGE = 10;

  /** How many accounts one synchronisation with Google Ads asks for what is below them. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(10_000)
  ADS_MOST_LISTINGS = 500;

  /** Whether access tokens are narrowed to the calling service's policy; `false` refuses such requests instead. */
  @Transform(boolean)
  @IsIn([true, false], { message: 'must be true or false' })
  NARROW_SCOPES = true;

  /** How many live refresh tokens Google allows an account per client. Lower it only to try what happens then. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  SLOT_LIMIT = 100;

  /** Aliases of clients whose Google app is in Testing, comma separated: their refresh tokens live 7 days. */
  @Transform(list)
  @IsString({ each: true })
  TESTING_CLIENTS: string[] = [];

  /** Where the app is told of changes; unset: nowhere. */
  @IsOptional()
  @IsUrl(
    { require_tld: false, protocols: ['http', 'https'], require_protocol: true, disallow_auth: true },
    { message: 'must be an http or https URL without a user name' },
  )
  WEBHOOK_URL?: string;

  /** What webhooks are signed with, as Standard Webhooks write it: `whsec_` and base64. Or WEBHOOK_SECRET_FILE. */
  @ValidateIf((environment: Environment) => environment.WEBHOOK_URL !== undefined)
  @Matches(/^whsec_(?=.{32,88}$)([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, {
    message: 'must be whsec_ and 24 to 64 bytes in base64',
  })
  WEBHOOK_SECRET?: string;

  /** How long the receiver of webhooks may take to answer, in milliseconds. */
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(60_000)
  WEBHOOK_TIMEOUT_MS = 10_000;

  /** Tokens issued alike within so many seconds become one event. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(60)
  AUDIT_FLUSH_SECONDS = 1;

  /** How many days audit events are kept. */
  @Type(() => Number)
  @IsInt()
  @Min(1)
  AUDIT_RETENTION_DAYS = 400;

  /** Which issuers' JWTs services may come with: the path of a JSON file, docs/service-identities.md. */
  @IsOptional()
  @IsString()
  SERVICE_ISSUERS_FILE?: string;

  @IsIn(LOG_LEVELS, { message: `must be one of ${LOG_LEVELS.join(', ')}` })
  LOG_LEVEL: (typeof LOG_LEVELS)[number] = 'info';
}
