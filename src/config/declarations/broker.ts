import { CELL_NAME } from '../../domain/cell.js';
import { integer, list, matches, text } from '../setting.js';

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
  CELL: text({
    default: null,
    rule: matches(CELL_NAME, 'must be a lowercase letter and up to three lowercase letters or digits'),
    doc: 'The name of the cell that this broker and its database are, in front of every id that leaves it.',
    more: 'Only where there are [several](cells.md), and never changed. Not set: ids carry none.',
    example: 'eu1',
  }),
  CELL_PEERS: list({
    default: [],
    rule: matches(
      /^https?:\/\/[^/?#\s@]+$/,
      'must be origins such as http://broker-us1.internal:3000, comma separated',
    ),
    doc: "The other cells, where Google's security events are passed on to: the origin of each on your own network, comma separated.",
    more: 'See [security events of cells](cells.md#security-events).',
    example: 'http://broker-us1.internal:3000',
  }),
  CACHE_USERS: integer({
    default: 20_000,
    min: 0,
    max: 10_000_000,
    doc: 'For how many users one broker process caches grants and tokens; 0: every request reads the database.',
    more: 'A process takes 300 MB and 4.5 kB a user, garbage included: 390 MB with the default ([what was measured](scaling.md#memory), and how a million fit).',
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
  WEBHOOK_TIMEOUT_MS: integer({
    default: 10_000,
    min: 100,
    max: 60_000,
    unit: 'milliseconds',
    doc: 'How long the receiver of a webhook may take to answer.',
    example: '5000',
  }),
  WEBHOOK_DISABLE_DAYS: integer({
    default: 5,
    min: 0,
    max: 30,
    unit: 'days',
    doc: 'For how many days a webhook may accept nothing before it is disabled; 0: it never is.',
    more: 'See [webhooks](webhooks.md#disabled-after-days-of-failure).',
    example: '14',
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
