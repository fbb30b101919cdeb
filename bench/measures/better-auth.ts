/** A warm token beside better-auth, which many Node.js applications use for the same job: its get-access-token over HTTP. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFleet } from '../environment.js';
import { CONNECTIONS, interleave, middle, p50, p99, type Round, share } from '../load.js';
import { atLeast, isTrue, LeftOut, type Measure, ms, whole } from '../measure.js';
import { bars } from '../page/bars.js';
import { latencyCurve } from '../page/lines.js';
import { startServer } from '../processes.js';

interface SideBySide {
  readonly rounds: readonly Round<'broker' | 'betterAuth'>[];
}

/** Exact versions, so that figures of two days compare. */
const PACKAGES = { 'better-auth': '1.7.25', pg: '8.23.1' };
const ROOT = join(import.meta.dirname, '../../..');
/** Not a dependency of the project: it is installed here when it is measured. */
const FOLDER = join(ROOT, '.cache/bench-better-auth');
const INSTALL_MS = 180_000;
const SHOWN = [
  { who: 'broker', label: 'broker, warm token', tone: 'broker' },
  { who: 'betterAuth', label: 'better-auth', tone: 'other' },
] as const;

export const betterAuth: Measure<SideBySide> = {
  name: 'better-auth',
  title: 'Beside better-auth',
  explanation: `The same job by [better-auth](https://www.npmjs.com/package/better-auth) ${PACKAGES['better-auth']}: its
\`/get-access-token\` over HTTP, on node:http, with PostgreSQL, encrypted tokens, rate limits off and one user whose Google account is connected and
whose token is fresh; ${CONNECTIONS} connections. It reads session and account from PostgreSQL for each call; its users call with a session
cookie, the broker's services with a key.`,
  take: async (databaseUrl, effort) => {
    const path = install();
    return withFleet(databaseUrl, 1, {}, async ({ fleet, url, database, authorization, seed }) => {
      const [user = ''] = await seed('warm', 1, 3500);
      await database.query('DROP DATABASE IF EXISTS better_auth WITH (FORCE)');
      await database.query('CREATE DATABASE better_auth');
      const own = new URL(databaseUrl);
      own.pathname = '/better_auth';
      const server = await startServer<{ port: number; cookie: string; accountId: string }>(path, {
        NODE_ENV: 'production',
        DATABASE_URL: own.href,
      });
      try {
        const { port, cookie, accountId } = server.report;
        const origin = `http://127.0.0.1:${port}`;
        const rounds = await interleave(
          {
            broker: {
              url: `${url}/tokens/${user}`,
              headers: authorization,
              pid: fleet.replicas[0]?.process.pid,
            },
            betterAuth: {
              url: `${origin}/api/auth/get-access-token`,
              method: 'POST',
              headers: { cookie, origin, 'content-type': 'application/json' },
              body: JSON.stringify({ accountId }),
              pid: server.pid,
            },
          },
          effort,
        );
        return { rounds };
      } finally {
        await server.end();
      }
    });
  },
  rows({ rounds }) {
    const [broker, other] = [middle(rounds, 'broker'), middle(rounds, 'betterAuth')];
    const times = share(rounds, 'broker', 'betterAuth');
    const tail = share(rounds, 'betterAuth', 'broker', p99);
    return [
      {
        measure: `warm token against better-auth ${PACKAGES['better-auth']}, requests a second`,
        measured: `${whole(broker.requestsPerSecond)} against ${whole(other.requestsPerSecond)}: ${times.toFixed(1)} times`,
        goal: atLeast(times, 45),
      },
      {
        measure: 'the same, p99',
        measured: `${ms(p99(broker))} against ${ms(p99(other))} (p50 ${ms(p50(broker))} against ${ms(p50(other))}): 1/${whole(tail)}`,
        goal: isTrue('≤ 1/30', Math.round(tail) >= 30),
      },
    ];
  },
  plots: ({ rounds }) => [
    bars('better-auth', 'The same job', rounds, SHOWN),
    latencyCurve('better-auth-latency', 'The same job', rounds, SHOWN),
  ],
};

/** @returns the path of the server's file, beside what it imports */
function install(): string {
  mkdirSync(FOLDER, { recursive: true });
  const server = join(FOLDER, 'server.mjs');
  copyFileSync(join(ROOT, 'bench/servers/better-auth.mjs'), server);
  if (Object.entries(PACKAGES).every(([name, version]) => installed(name) === version)) return server;
  writeFileSync(join(FOLDER, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const { status } = spawnSync(
    'npm',
    [
      'install',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      ...Object.entries(PACKAGES).map((each) => each.join('@')),
    ],
    { cwd: FOLDER, stdio: 'ignore', timeout: INSTALL_MS, shell: process.platform === 'win32' },
  );
  if (status === 0) return server;
  throw new LeftOut(
    `better-auth ${PACKAGES['better-auth']} could not be installed: npm reached no registry with it`,
  );
}

function installed(name: string): string | null {
  const path = join(FOLDER, 'node_modules', name, 'package.json');
  if (!existsSync(path)) return null;
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
