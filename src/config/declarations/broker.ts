import { isURL } from 'class-validator';
import { integer, matches, secret, text } from '../setting.js';

/** The key ring, the services, what is cached, what is recorded and who is notified. */
export const BROKER_SETTINGS = {
  KEY_RING_FILE: text({
    doc: 'The path of the keys that seal tokens, made by `token-broker keys generate`. Mode 600.',
    more: 'See [the key ring](#the-key-ring).',
    example: '/etc/token-broker/key-ring.json',
  }),
  KEY_RING_KMS_KEY: text({
    default: null,
    rule: matches(
      /^gcp-kms:\/\/projects\/[^/\s]+\/locations\/[^/\s]+\/keyRings\/[^/\s]+\/cryptoKeys\/[^/\s]+$/,
      'must be gcp-kms://projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY',
    ),
    doc: 'The key of a key management service that wraps the key ring.',
    more: 'See [a wrapped key ring](#a-wrapped-key-ring). Not set: the key ring holds its keys as they are.',
    example: 'gcp-kms://projects/example/locations/europe-west1/keyRings/broker/cryptoKeys/ring',
  }),
  SERVICE_ISSUERS_FILE: text({
    default: null,
    doc: 'The path of a JSON file with the issuers whose JWTs services may present instead of a key.',
    more: 'See [service identities](service-identities.md).',
    example: '/run/secrets/issuers.json',
  }),
  CACHE_USERS: integer({
    default: 20_000,
    min: 0,
    max: 10_000_000,
    doc: 'For how many users one broker process caches grants and tokens; 0: every request reads the database.',
    more: '[What a user weighs](scaling.md#memory).',
    example: '200000',
  }),
  CACHE_WITHOUT_DATABASE_SECONDS: integer({
    default: 0,
    min: 0,
    max: 600,
    unit: 'seconds',
    doc: 'How long cached tokens are served while the database is unreachable.',
    more: '`0`: not at all, and requests get [`database_unavailable`](errors.md#database_unavailable). More: for so long, a broker that alone cannot reach the database serves a grant that was disconnected meanwhile ([why](decisions/0011-memory-and-leases.md)).',
    example: '60',
  }),
  CACHE_MAX_AGE_SECONDS: integer({
    default: 60,
    min: 1,
    max: 3600,
    unit: 'seconds',
    doc: 'How old a cached grant or service may be before it is read from the database again, with or without a change notification.',
    more: '[Why](decisions/0011-memory-and-leases.md).',
    example: '30',
  }),
  WEBHOOK_URL: text({
    default: null,
    rule: {
      accepts: (value) =>
        isURL(value, {
          require_tld: false,
          protocols: ['http', 'https'],
          require_protocol: true,
          disallow_auth: true,
        }),
      fault: 'must be an http or https URL without a user name',
    },
    doc: 'Where the broker sends webhooks.',
    more: 'See [webhooks](webhooks.md). Not set: nowhere, and no event is kept for it.',
    example: 'https://app.example.com/hooks',
  }),
  WEBHOOK_SECRET: secret({
    default: null,
    neededWith: 'WEBHOOK_URL',
    rule: matches(
      /^whsec_(?=.{32,88}$)([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
      'must be whsec_ and 24 to 64 bytes in base64',
    ),
    doc: 'The key that signs webhooks, as Standard Webhooks write it: `whsec_` and 24 to 64 bytes in base64.',
    more: 'Needed with `WEBHOOK_URL`. `WEBHOOK_SECRET_FILE` names a file that holds it instead.',
    example: 'whsec_…',
  }),
  WEBHOOK_TIMEOUT_MS: integer({
    default: 10_000,
    min: 100,
    max: 60_000,
    unit: 'milliseconds',
    doc: 'How long the receiver of webhooks may take to answer.',
    example: '5000',
  }),
  AUDIT_FLUSH_SECONDS: integer({
    default: 1,
    min: 1,
    max: 60,
    unit: 'seconds',
    doc: 'The window in which equal token requests become one audit event with a count.',
    more: 'See [audit](audit.md).',
    example: '10',
  }),
  AUDIT_RETENTION_DAYS: integer({
    default: 400,
    min: 1,
    unit: 'days',
    doc: 'How long audit events are kept.',
    more: 'See [audit](audit.md).',
    example: '90',
  }),
};
