// The house's laws on imports; docs/architecture.md says why. test/house/ shows that each of them bites.
const features =
  '^src/(authorization|callback|tokens|grants|services|service-accounts|operations|security-events|webhooks|audit|ads)/';
const adapters = '^src/(token-store|sealing|google|identity)/';
// Requests to others; google/, identity/ and webhooks/ say which ones are made.
const outbound = '^src/outbound/(http-client|fetch-json|remote-key-set)\\.ts$';
const roots = '^src/([^/]+\\.ts$|cli/)';

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'domain-is-pure',
      comment: 'Rules import rules: no Nest, no Prisma, no HTTP, not even a module of Node.',
      severity: 'error',
      from: { path: '^src/domain/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: '^src/domain/' },
    },
    {
      name: 'features-stand-apart',
      comment:
        'A feature knows ports, rules, settings, what all routes share and how requests are sent; never another feature or an adapter.',
      severity: 'error',
      from: { path: features, pathNot: '\\.test\\.ts$' },
      to: { path: '^src/', pathNot: ['^src/(domain|config|http|pages|outbound)/', '^src/$1/'] },
    },
    {
      name: 'adapters-stand-apart',
      severity: 'error',
      from: { path: adapters, pathNot: '\\.test\\.ts$' },
      to: { path: '^src/', pathNot: ['^src/(domain|config|outbound)/', '^src/$1/'] },
    },
    {
      name: 'outbound-knows-no-one',
      comment: 'It sends what it is told to, and knows neither Google nor an issuer.',
      severity: 'error',
      from: { path: '^src/outbound/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/', pathNot: '^src/(domain|config|outbound)/' },
    },
    {
      name: 'few-send-requests',
      comment: 'Whom the broker asks is decided in few places.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(outbound|google|identity|webhooks)/' },
      to: { path: outbound },
    },
    {
      name: 'what-all-share-knows-no-feature',
      severity: 'error',
      from: { path: '^src/(config|http|pages)/' },
      to: { path: '^src/', pathNot: '^src/(domain|config|http|pages)/' },
    },
    {
      name: 'pages-are-views',
      comment: 'Facts in, HTML out.',
      severity: 'error',
      from: { path: '^src/pages/' },
      to: { path: '^src/', pathNot: '^src/(domain|pages)/' },
    },
    {
      name: 'only-roots-see-roots',
      severity: 'error',
      from: { path: '^src/', pathNot: [roots, '\\.test\\.ts$'] },
      to: { path: roots },
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
        'Limits and proxies hold for every request because there is one place that makes them; eslint forbids fetch elsewhere.',
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
      comment:
        'google/ and identity/ verify tokens with the public keys of others, which outbound/ fetches, and need jose for that.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(sealing|google|identity|outbound)/' },
      to: { path: 'node_modules/jose/' },
    },
    {
      name: 'no-sandbox-in-the-broker',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(sandbox|test)/' },
    },
    {
      name: 'stand-in-knows-no-broker',
      comment: 'A judge that shares code with the judged is none.',
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
