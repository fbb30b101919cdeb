/** A warm GET /tokens beside an empty NestJS handler with the same key check, and beside node:http. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { compiled } from '../sandbox/compiled.js';
import { NODE_FLAGS } from '../sandbox/fleet/fleet.js';
import { seedGrants } from '../sandbox/fleet/seed.js';
import { freePort } from '../sandbox/trying/postgres.js';
import { median, withFleet } from './environment.js';
import { load, type Load, type Target } from './load.js';

const ROUNDS = 7;
const SECONDS = 4;
const CONNECTIONS = 32;

export interface Warm {
  readonly broker: Load;
  readonly nest: Load;
  readonly http: Load;
  readonly share: number;
  readonly tail: number;
  readonly bodyBytes: number;
  readonly rounds: readonly Readonly<Record<'broker' | 'nest' | 'http', Load>>[];
}

export function measureWarm(databaseUrl: string): Promise<Warm> {
  return withFleet(databaseUrl, 1, {}, async ({ fleet, database, key }) => {
    await seedGrants(fleet, database, ['alice'], 3500);
    const url = `${fleet.replicas[0]?.url ?? ''}/tokens/alice`;
    const body = await (await fetch(url, { headers: { authorization: `Bearer ${key}` } })).text();
    const nest = await startBare('bench/bare-nest.js', body, key);
    const http = await startBare('bench/bare-http.js', body, key);
    try {
      const targets = { broker: { url, key }, nest: nest.target, http: http.target };
      for (const target of Object.values(targets)) await load(target, 2, CONNECTIONS);
      const rounds: Record<'broker' | 'nest' | 'http', Load>[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        rounds.push({
          broker: await load(targets.broker, SECONDS, CONNECTIONS),
          nest: await load(targets.nest, SECONDS, CONNECTIONS),
          http: await load(targets.http, SECONDS, CONNECTIONS),
        });
      }
      const middle = (who: 'broker' | 'nest' | 'http'): Load => ({
        requestsPerSecond: median(rounds.map((each) => each[who].requestsPerSecond)),
        p50: median(rounds.map((each) => each[who].p50)),
        p99: median(rounds.map((each) => each[who].p99)),
      });
      return {
        broker: middle('broker'),
        nest: middle('nest'),
        http: middle('http'),
        // Measurements close in time share the other load of the machine.
        share: median(rounds.map((each) => each.broker.requestsPerSecond / each.nest.requestsPerSecond)),
        tail: median(rounds.map((each) => each.broker.p99 / each.nest.p99)),
        bodyBytes: Buffer.byteLength(body),
        rounds,
      };
    } finally {
      await Promise.all([nest, http].map(({ process }) => end(process)));
    }
  });
}

async function startBare(file: string, body: string, key: string) {
  const port = await freePort();
  const child = spawn(process.execPath, [...NODE_FLAGS, compiled(file)], {
    env: { PORT: String(port), BODY: body, KEY: key },
    stdio: 'inherit',
  });
  const target: Target = { url: `http://127.0.0.1:${port}/tokens/alice`, key };
  for (;;) {
    const answer = await fetch(target.url, { headers: { authorization: `Bearer ${key}` } }).catch(() => null);
    if (answer?.ok) return { process: child, target };
    if (child.exitCode !== null) throw new Error(`${file} ended.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function end(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
