/** The same warm token for a caller with a JWT of its platform, beside a caller with a service key. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { compiled } from '../../sandbox/compiled.js';
import { withFleet } from '../environment.js';
import { interleave, middle, p99, type Round, share } from '../load.js';
import { atLeast, type Measure, ms, ratio, whole } from '../measure.js';
import { bars } from '../page/bars.js';

interface Callers {
  readonly rounds: readonly Round<'key' | 'jwt'>[];
}

const ISSUER = 'https://issuer.example';
const AUDIENCE = 'https://broker.example';
const SUBJECT = 'system:serviceaccount:analytics:reports';

export const workloadJwt: Measure<Callers> = {
  name: 'workload-jwt',
  title: 'Callers with a JWT',
  explanation: `A warm token for a service that authenticates with a JWT of its platform (RS256, an hour to live, the same in each call, as a
workload has it), beside one that authenticates with a key of the broker.`,
  take: async (databaseUrl, effort) => {
    const folder = mkdtempSync(join(tmpdir(), 'token-broker-bench-issuer-'));
    try {
      const { privateKey, publicKey } = await generateKeyPair('RS256');
      const jwks = join(folder, 'jwks.json');
      writeFileSync(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'bench' }] }));
      const issuers = join(folder, 'issuers.json');
      writeFileSync(issuers, JSON.stringify([{ issuer: ISSUER, audience: AUDIENCE, jwks_file: jwks }]));
      const jwt = await new SignJWT()
        .setProtectedHeader({ alg: 'RS256', kid: 'bench' })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setSubject(SUBJECT)
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(privateKey);
      const settings = { SERVICE_ISSUERS_FILE: issuers };
      return await withFleet(databaseUrl, 1, settings, async ({ fleet, url, authorization, seed }) => {
        createService(fleet.settings);
        const [user = ''] = await seed('warm', 1, 3500);
        const pid = fleet.replicas[0]?.process.pid;
        const target = (headers: Record<string, string>) => ({
          url: `${url}/tokens/${user}`,
          headers,
          pid,
        });
        const targets = { key: target(authorization), jwt: target({ authorization: `Bearer ${jwt}` }) };
        return { rounds: await interleave(targets, effort) };
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  rows({ rounds }) {
    const [key, jwt] = [middle(rounds, 'key'), middle(rounds, 'jwt')];
    const toKey = share(rounds, 'jwt', 'key');
    return [
      {
        measure: 'warm token for a caller with a JWT, against one with a key',
        measured: `${whole(jwt.requestsPerSecond)} against ${whole(key.requestsPerSecond)}: ${ratio(toKey)}; p99 ${ms(p99(jwt))}`,
        goal: atLeast(toKey, 0.8),
      },
    ];
  },
  plots: ({ rounds }) => [
    bars('workload-jwt', 'A warm token by caller', rounds, [
      { who: 'key', label: 'service key', tone: 'broker' },
      { who: 'jwt', label: 'JWT of a platform', tone: 'second' },
    ]),
  ],
};

/** As an operator does. */
function createService(settings: Readonly<Record<string, string>>): void {
  const policy = ['--client', 'default', '--scope', '*', '--user', '*'];
  const identity = ['--issuer', ISSUER, '--subject', SUBJECT];
  const { status, stderr } = spawnSync(
    process.execPath,
    [compiled('bundle/cli/main.js'), 'service', 'create', 'workload', ...policy, ...identity],
    { cwd: tmpdir(), env: settings, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`service create failed: ${stderr}`);
}
