import { isProxyAddress } from '../proxies.js';
import { flag, integer, isHttpUrl, list, matches, secret, text } from '../setting.js';

const PROXY_RULE = {
  accepts: isProxyAddress,
  fault: 'must be the address of a proxy, such as http://proxy.example.com:3128',
};

/** Google: the OAuth clients, its endpoints, and how many requests they get. */
export const GOOGLE_SETTINGS = {
  GOOGLE_CLIENT_SECRETS: list({
    doc: "Paths of Google's client_secret JSON files: one path, or `alias=path` pairs, comma separated.",
    more: 'A path alone gets the alias `default`. An alias is 1 to 40 lower-case letters, digits, `-` or `_`.',
    example: 'default=/etc/google.json,ads=/etc/ads.json',
  }),
  TESTING_CLIENTS: list({
    default: [],
    doc: 'Aliases of clients whose Google app is in Testing, comma separated: their refresh tokens expire after 7 days.',
    more: '[The forecast](grants.md#when-it-will-expire) says so.',
    example: 'default',
  }),
  GOOGLE_STAND_IN_URL: text({
    default: null,
    rule: {
      accepts: isHttpUrl,
      fault: 'must be a URL',
    },
    doc: 'The stand-in for Google, for trials and tests only. Production refuses it.',
    more: 'Not set: the real Google.',
    example: 'http://localhost:3001',
  }),
  GOOGLE_TIMEOUT_MS: integer({
    default: 10_000,
    min: 100,
    max: 60_000,
    unit: 'milliseconds',
    doc: 'How long Google may take to answer.',
    example: '5000',
  }),
  GOOGLE_CONCURRENCY: integer({
    default: 100,
    min: 1,
    max: 1000,
    doc: 'How many refreshes one broker process runs at Google at a time; more wait in a queue.',
    more: 'Services and clients [take turns](scaling.md#turns-at-google).',
    example: '200',
  }),
  GOOGLE_QUEUE_SECONDS: integer({
    default: 10,
    min: 1,
    max: 600,
    unit: 'seconds',
    doc: 'How long a request waits in that queue at most.',
    more: 'Then it gets [`google_unavailable`](errors.md#google_unavailable) with `Retry-After`.',
    example: '5',
  }),
  IMPORT_RATE: integer({
    default: 10,
    min: 1,
    max: 1000,
    unit: 'a second',
    doc: 'How many refresh tokens one process verifies at Google a second at most, while it imports grants.',
    more: 'See [importing](migrating.md#how-fast).',
    example: '25',
  }),
  GOOGLE_ADS_API_VERSION: text({
    default: 'v26',
    rule: matches(/^v\d{1,3}$/, 'must be a version such as v26'),
    doc: 'The version of the Google Ads API that the broker uses.',
    more: 'Google serves each for about a year.',
    example: 'v27',
  }),
  ADS_MAX_AGE: integer({
    default: 86_400,
    min: 0,
    unit: 'seconds',
    doc: "How old the cached list of a user's Google Ads accounts may be, unless a caller says otherwise.",
    more: 'See [how old the answer may be](google-ads-access.md#how-old-the-answer-may-be).',
    example: '3600',
  }),
  ADS_MIN_AGE: integer({
    default: 10,
    min: 0,
    max: 3600,
    unit: 'seconds',
    doc: "The minimum time between two synchronisations of a user's Google Ads accounts, whatever a caller says.",
    more: 'Until then the same answer, or failure, [is given again](google-ads-access.md#how-old-the-answer-may-be).',
    example: '60',
  }),
  ADS_MAX_LISTINGS: integer({
    default: 500,
    min: 1,
    max: 10_000,
    doc: 'How many Google Ads accounts one synchronisation lists at most.',
    more: 'The rest is [reported as cut off](google-ads-access.md#what-is-asked-of-google-and-its-limits).',
    example: '2000',
  }),
  NARROW_SCOPES: flag({
    default: true,
    doc: "Whether an access token is narrowed to the scopes that the calling service's policy allows.",
    more: '[Why](decisions/0009-tokens-per-scope-set.md). `false`: a service whose policy allows less than the grant holds gets [`not_allowed`](errors.md#not_allowed).',
    example: 'false',
  }),
  SLOT_LIMIT: integer({
    default: 100,
    min: 1,
    max: 1000,
    doc: 'How many live refresh tokens Google allows an account per client. Lower it only to try the limit.',
    more: 'See [slots](grants.md#slots).',
    example: '5',
  }),
  ACCOUNT_SLOT_LIMIT: integer({
    default: 200,
    min: 1,
    max: 100_000,
    doc: 'How many live refresh tokens of one Google Account, across all clients, count as too many. Google has such a limit and does not publish it.',
    more: 'The broker warns at nine tenths of it, and refuses nothing. See [slots](grants.md#slots).',
    example: '500',
  }),
};

/** The proxies of outbound requests, for Google and all others. outbound/ reads them from the environment. */
export const PROXY_SETTINGS = {
  HTTPS_PROXY: secret({
    default: null,
    mayBeFile: false,
    rule: PROXY_RULE,
    doc: 'The proxy for requests to `https` addresses.',
    more: 'See [proxies and a private CA](#proxies-and-a-private-ca).',
    example: 'http://proxy.example.com:3128',
  }),
  HTTP_PROXY: secret({
    default: null,
    mayBeFile: false,
    rule: PROXY_RULE,
    doc: 'The proxy for requests to `http` addresses.',
    example: 'http://proxy.example.com:3128',
  }),
  NO_PROXY: text({
    default: null,
    doc: 'Hosts, domains, addresses and CIDR ranges that are reached without a proxy, comma separated.',
    example: '.corp.example.com,10.0.0.0/8',
  }),
};
