// Which module may import which; docs/architecture.md explains the layout. test/codebase/ breaks each rule once.

/** The features, and the other features that each may use. An import that is not declared here fails. */
const features = {
  operations: [],
  services: [],
  audit: ['operations'],
  'security-events': [],
  'service-accounts': [],
  webhooks: ['operations'],
  declarations: ['services', 'webhooks'],
  grants: ['connect-tickets', 'services', 'operations'],
  'connect-tickets': ['services', 'operations'],
  'access-tokens': ['connect-tickets', 'services', 'operations'],
  authorization: ['connect-tickets', 'access-tokens', 'services', 'operations'],
  callback: ['connect-tickets', 'authorization', 'services', 'operations'],
  'my-grants': ['connect-tickets', 'authorization', 'grants', 'services'],
  ads: ['access-tokens'],
  tokens: ['ads', 'access-tokens'],
  console: ['operations', 'services', 'grants', 'webhooks', 'connect-tickets', 'audit'],
};
/** No HTTP in the core. */
const withoutHttp = ['access-tokens'];

const tests = '\\.test\\.tsx?$';
/** What a feature may use of PostgreSQL: a repository, and the feed of changes. */
const repositories = '^src/token-store/.*(\\.repository|/change-feed|/database-health)\\.ts$';
// Which requests are sent is decided in google/, webhooks/, security-events/ (to other cells), services/workload-jwt/ and
// console/sign-in/ (an issuer of the operator's choice, which may be Google); cli/libraries/ asks the broker.
const requests = '^src/outbound/(http-client|fetch-json|remote-key-set)\\.ts$';
/** All may ask whether there are traces; the SDK behind it is for the entry point alone. */
const traces = '^src/tracing/tracing\\.ts$';
const entryPoints = '^src/([^/]+\\.ts$|cli/|workers/)';

const featureRules = Object.entries(features).map(([feature, uses]) => ({
  name: `${feature}-uses-what-is-declared`,
  comment: 'The order between features is declared at the top of this file.',
  severity: 'error',
  from: { path: `^src/${feature}/`, pathNot: tests },
  to: {
    path: '^src/',
    pathNot: [
      `^src/(domain|config|outbound|google|sealing|${withoutHttp.includes(feature) ? '' : 'http|pages|'}${[feature, ...uses].join('|')})/`,
      repositories,
      traces,
    ],
  },
}));

module.exports = {
  forbidden: [
    {
      name: 'no-circular-imports',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'domain-is-pure',
      comment: 'Rules import rules: no Nest, no Prisma, no HTTP, not even a module of Node.js.',
      severity: 'error',
      from: { path: '^src/domain/', pathNot: tests },
      to: { pathNot: '^src/domain/' },
    },
    ...featureRules,
    {
      name: 'adapters-know-no-feature',
      severity: 'error',
      from: { path: '^src/(google|sealing)/', pathNot: tests },
      // A KMS can wrap the key ring.
      to: { path: '^src/', pathNot: ['^src/(domain|config|outbound|google/kms)/', '^src/$1/'] },
    },
    {
      name: 'token-store-knows-no-feature',
      severity: 'error',
      from: { path: '^src/token-store/', pathNot: tests },
      to: { path: '^src/', pathNot: ['^src/(domain|config|outbound|sealing|token-store)/', traces] },
    },
    {
      name: 'outbound-knows-no-caller',
      comment: 'It sends what it is given, and knows neither Google nor an issuer.',
      severity: 'error',
      from: { path: '^src/outbound/', pathNot: tests },
      to: { path: '^src/', pathNot: ['^src/(domain|config|outbound)/', traces] },
    },
    {
      name: 'tracing-knows-no-caller',
      severity: 'error',
      from: { path: '^src/tracing/', pathNot: tests },
      to: { path: '^src/', pathNot: '^src/(config|tracing)/' },
    },
    {
      name: 'only-tracing-knows-open-telemetry',
      comment: 'Its packages are loaded only where traces are asked for: otherwise they cost nothing.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/tracing/(open-telemetry|otlp)\\.ts$' },
      to: { path: 'node_modules/@opentelemetry/' },
    },
    {
      name: 'only-the-entry-point-loads-open-telemetry',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(bootstrap\\.ts$|tracing/)' },
      to: { path: '^src/tracing/(open-telemetry|otlp)\\.ts$' },
    },
    {
      name: 'few-modules-send-requests',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot:
          '^src/(outbound|google|webhooks|security-events|services/workload-jwt|console/sign-in|cli/libraries)/',
      },
      to: { path: requests },
    },
    {
      name: 'shared-code-knows-no-feature',
      comment: 'config/ checks the URLs of the database with the parser that reads them.',
      severity: 'error',
      from: { path: '^src/(config|http|pages)/', pathNot: tests },
      to: {
        path: '^src/',
        pathNot: [
          '^src/(domain|config|http|pages|sealing)/',
          '^src/token-store/client/database-(address|health)\\.ts$',
          traces,
        ],
      },
    },
    {
      name: 'pages-are-views',
      comment: 'Facts in, HTML out.',
      severity: 'error',
      from: { path: '^src/pages/' },
      to: { path: '^src/', pathNot: '^src/(domain|pages)/' },
    },
    {
      name: 'views-of-the-console-are-views',
      comment: 'Facts in, HTML out.',
      severity: 'error',
      from: { path: '^src/console/views/' },
      to: { path: '^src/', pathNot: '^src/(domain|console/views)/' },
    },
    {
      name: 'entry-points-are-imported-by-none',
      severity: 'error',
      from: { path: '^src/', pathNot: [entryPoints, tests] },
      to: { path: entryPoints },
    },
    {
      name: 'only-google-reaches-google',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/google/' },
      to: { path: 'node_modules/(googleapis|google-auth-library|gaxios|axios)/' },
    },
    {
      name: 'only-outbound-sends',
      comment:
        'Limits and proxies apply to every request because one module makes them; oxlint forbids fetch elsewhere.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/outbound/' },
      to: { path: 'node_modules/undici/' },
    },
    {
      name: 'only-token-store-knows-the-database',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/token-store/' },
      to: { path: ['node_modules/(@prisma|prisma|pg)/', '^src/token-store/prisma-client/'] },
    },
    {
      name: 'only-sealing-holds-keys',
      comment: 'google/ and workload-jwt/ verify tokens with public keys of others, which outbound/ fetches.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(sealing|google|outbound|services/workload-jwt)/' },
      to: { path: 'node_modules/jose/' },
    },
    {
      name: 'no-sandbox-in-the-broker',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(sandbox|test)/' },
    },
    {
      name: 'clients-know-no-broker',
      comment: 'A client is published by itself.',
      severity: 'error',
      from: { path: '^clients/' },
      to: { path: ['^(src|sandbox|bench|test)/', 'node_modules/(?!google-auth-library/|@types/)'] },
    },
    {
      name: 'stand-in-knows-no-broker',
      comment: 'The stand-in for Google judges the broker: shared code would hide a shared mistake.',
      severity: 'error',
      from: { path: '^sandbox/(google|sample-app)/' },
      to: { path: '^src/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|prisma-client' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.js', '.json'],
    },
  },
};
