/**
 * What `npm test` leaves to `npm run test:all`, which CI runs: races between replicas and processes, faults injected one after
 * another, floods, and every case of a long table. The longest begins first.
 */
export const EXHAUSTIVE = [
  'test/workers',
  'test/changes',
  'test/replicas',
  'test/hostile-answers',
  'test/warm-path',
  'test/limits',
  'test/lists',
  'test/database-roles',
  'test/google-answers',
  'test/clocks',
  'test/poolers',
  'test/security-events',
  'test/database-faults',
  'test/revocation',
  'test/tampering',
  'test/connect-resume',
  'test/grant-machine',
  'test/unsaved-refreshes',
  'test/service-identities',
  'test/outage',
  'test/readiness',
  'test/proxies',
  'test/two-hosts',
  'test/tls',
  'test/fair-turns',
  'test/bench',
  'test/cli/migrate-waits',
  'test/pages',
];
