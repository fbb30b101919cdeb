import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { choice, integer, list, isOrigin, text } from '../setting.js';

const MODES = ['production', 'development', 'test'] as const;
const MAX_WORKERS = 256;

/** The process: where it listens, how it stops. */
export const PROCESS_SETTINGS = {
  NODE_ENV: choice(MODES, 'must be production, development or test', {
    default: 'development',
    doc: '`production` fills in nothing, and refuses what the trial mode made.',
    more: 'See [what production refuses](#what-production-refuses). `development` and `test` do not differ.',
    example: 'production',
  }),
  HOST: text({
    default: '127.0.0.1',
    doc: 'The address to listen on. `0.0.0.0` is every IPv4 address of this machine, `::` every address.',
    more: 'The container image sets `0.0.0.0`. Where pods have IPv6 addresses only, set `::`.',
    example: '0.0.0.0',
  }),
  PORT: integer({
    default: 3000,
    min: 0,
    max: 65_535,
    doc: 'The port to listen on.',
    example: '8080',
  }),
  WORKERS: {
    ...integer({
      default: 1,
      min: 1,
      max: MAX_WORKERS,
      doc: 'How many processes serve on this port. `auto`: one for each processor that this process may use.',
      more: 'More than one have a supervisor, which replaces those that end. They share the rate limits, and most other limits are for each: see [workers](scaling.md#workers).',
      example: 'auto',
    }),
    values: `1 to ${MAX_WORKERS}, or \`auto\``,
    parse: (value: string) =>
      value === 'auto' ? Math.min(availableParallelism(), MAX_WORKERS) : Number(value),
  },
  PUBLIC_URL: text({
    rule: {
      accepts: isOrigin,
      fault: 'must be an origin such as https://broker.example.com, without a path',
    },
    doc: 'The origin where browsers reach the broker: scheme, host and port, no path. Google redirects to this + `/callback`.',
    example: 'https://broker.example.com',
  }),
  TOKEN_BROKER_URL: text({
    default: null,
    rule: { accepts: isOrigin, fault: 'must be an origin such as http://token-broker:3000, without a path' },
    doc: 'Where services reach the broker, when that is not `PUBLIC_URL`.',
    more: 'For the commands `credentials-file`, `sidecar` and `client-config`, and the `token_endpoint` of the metadata. See [libraries](libraries.md).',
    example: 'http://token-broker:3000',
  }),
  RETURN_TO_ORIGINS: list({
    default: [],
    rule: { accepts: isOrigin, fault: 'must be origins such as https://app.example.com, comma separated' },
    doc: "Origins of your apps that a connect ticket's `return_to` may name, comma separated.",
    more: 'Without it, the browser ends on a page of the broker.',
    example: 'https://app.example.com',
  }),
  SHUTDOWN_DELAY_SECONDS: integer({
    default: 0,
    min: 0,
    max: 600,
    unit: 'seconds',
    doc: 'How long the broker still serves, not ready, after SIGTERM or SIGINT: until load balancers notice.',
    example: '10',
  }),
};

/** What callers may use: requests a minute, time, connections; and which proxy reports their address. */
export const HTTP_SETTINGS = {
  TRUSTED_PROXIES: list({
    default: [],
    rule: { accepts: isProxy, fault: 'must be addresses or ranges such as 10.0.0.0/8, comma separated' },
    doc: 'Addresses or CIDR ranges of the reverse proxy in front, comma separated.',
    more: 'Only they are believed about [where a request comes from](#behind-a-proxy). Without it, all browsers behind a proxy share one rate limit.',
    example: '10.0.0.0/8',
  }),
  SERVICE_RATE_LIMIT: integer({
    default: 60_000,
    min: 1,
    unit: 'requests a minute',
    doc: 'How many requests one service may send. Each broker counts for itself, its workers together.',
    more: 'See [limits](#limits).',
    example: '6000',
  }),
  BROWSER_RATE_LIMIT: integer({
    default: 120,
    min: 1,
    unit: 'requests a minute',
    doc: 'How many requests one address may send to the pages for browsers; and, counted apart, how many without a verified credential are refused.',
    more: 'A /64 of IPv6 counts as one address. See [limits](#limits).',
    example: '60',
  }),
  SECURITY_EVENT_RATE_LIMIT: integer({
    default: 6_000,
    min: 1,
    unit: 'requests a minute',
    doc: 'How many deliveries from one address may turn out not to be security events of Google.',
    more: 'What Google signed is always accepted: see [security events](security-events.md).',
    example: '600',
  }),
  HTTP_HEADERS_TIMEOUT_MS: integer({
    default: 10_000,
    min: 100,
    max: 600_000,
    unit: 'milliseconds',
    doc: "How long a request's headers may take, from the connection or from the first byte.",
    more: 'See [connections](#connections).',
    example: '5000',
  }),
  HTTP_REQUEST_TIMEOUT_MS: integer({
    default: 30_000,
    min: 100,
    max: 600_000,
    unit: 'milliseconds',
    doc: 'How long a whole request may take to arrive, with its body.',
    example: '10000',
  }),
  HTTP_CONNECTION_TIMEOUT_MS: integer({
    default: 120_000,
    min: 1_000,
    max: 3_600_000,
    unit: 'milliseconds',
    doc: 'How long a connection may be silent while a request is processed or its response is read.',
    more: 'It must be longer than the longest request.',
    example: '60000',
  }),
  HTTP_KEEP_ALIVE_MS: integer({
    default: 620_000,
    min: 1_000,
    max: 3_600_000,
    unit: 'milliseconds',
    doc: 'How long an idle connection is kept for the next request: longer than the proxy in front keeps it.',
    more: 'See [connections](#connections).',
    example: '75000',
  }),
  HTTP_MAX_CONNECTIONS: integer({
    default: null,
    min: 1,
    max: 1_000_000,
    doc: 'The maximum number of connections at a time, for each broker process.',
    more: 'Not set: what the limit of open files leaves after `DATABASE_POOL_SIZE`, `GOOGLE_CONCURRENCY` and 64 more, and 10000 at most.',
    example: '5000',
  }),
};

/** As Fastify takes it: an address, a range in CIDR notation (RFC 4632), or the name of well-known ranges. */
function isProxy(value: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(value)) return true;
  const [address = '', bits, ...more] = value.split('/');
  const max = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return more.length === 0 && (bits === undefined ? max > 0 : /^\d{1,3}$/.test(bits) && Number(bits) <= max);
}
