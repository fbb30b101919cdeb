/** Renders the results as a page and a plot. The text of docs/performance.md is here, beside its figures. */
import type { Cold, Expired, Sized } from './cold.js';
import type { Dead, Disconnects, Herd, Storm } from './crowds.js';
import type { Start } from './start.js';
import type { Warm } from './warm.js';

export interface Results {
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly gigabytes: number;
    readonly platform: string;
    readonly node: string;
    readonly date: string;
  };
  readonly warm: Warm;
  readonly cold: Cold;
  readonly expired: Expired;
  readonly herd: Herd;
  readonly storm: Storm;
  readonly disconnects: Disconnects;
  readonly dead: Dead;
  readonly sizes: readonly Sized[];
  readonly start: Start;
}

interface Line {
  readonly measure: string;
  readonly measured: string;
  readonly goal: string;
  /** Null where there is no goal. */
  readonly isReached: boolean | null;
}

const whole = (value: number) => Math.round(value).toLocaleString('en-US');
const ms = (value: number) => `${value < 10 ? value.toFixed(1) : whole(value)} ms`;

export function report(results: Results): string {
  const { machine, warm } = results;
  const rows = lines(results).map(({ measure, measured, goal, isReached }) =>
    [measure, measured, goal, isReached === null ? '' : isReached ? 'yes' : '**no**'].join(' | '),
  );
  return `# Performance

Written by \`npm run bench\`, all of it in one run: ${machine.date}, ${machine.cores} cores (${machine.processor}), ${machine.gigabytes} GB,
Node ${machine.node.slice(1)}, PostgreSQL 18 on the same machine. The load generator and PostgreSQL share the cores with what is
measured, so compare figures with each other, not with another machine's. Raw figures: [performance.json](performance.json).

| measure | measured | goal | reached |
| --- | --- | --- | --- |
${rows.map((row) => `| ${row} |`).join('\n')}

![Requests a second, one process: the broker with a warm token beside an empty NestJS handler and node:http](performance.svg)

Terms:

- _warm_: the token is in the cache. The empty handler is NestJS on Fastify with the same key check (SHA-256, compared in
  constant time) and an answer of the same ${warm.bodyBytes} bytes: no logging, no limits, no headers, no audit, which the
  broker has. ${warm.rounds.length} rounds, each measuring all three one after the other with 32 connections; medians of the
  rounds, and of the ratios within a round. All three run with the flags of the container image.
- _broker's own share_: the whole call, less what the same stand-in takes for a request without the broker. One call after the
  other, in a process that has answered ${whole(results.expired.after)} before; _soon after the start_ it had answered 50.
- _callers_, _users at once_: all calls are sent before the first is answered, by one process that competes for the cores.
- _limit_: users ÷ GOOGLE_CONCURRENCY × Google's time, were everything else free.
- _start_: the process itself; the first start after an installation takes longer.
- _cold read_: the user is in no cache; a fresh broker process, one call after the other.
`;
}

function lines({ warm, cold, expired, herd, storm, disconnects, dead, sizes, start }: Results): Line[] {
  const [small, ...larger] = sizes;
  return [
    {
      measure: 'warm `GET /tokens`, requests a second, against an empty NestJS handler',
      measured: `${whole(warm.broker.requestsPerSecond)} against ${whole(warm.nest.requestsPerSecond)}: ${warm.share.toFixed(2)}`,
      goal: '≥ 0.85',
      isReached: warm.share >= 0.85,
    },
    {
      measure: 'the same, p99',
      measured: `${ms(warm.broker.p99)} against ${ms(warm.nest.p99)}: ${warm.tail.toFixed(2)}`,
      goal: '≤ 1.3',
      isReached: warm.tail <= 1.3,
    },
    {
      measure: 'the same against bare `node:http`, requests a second',
      measured: `${whole(warm.http.requestsPerSecond)}: ${(warm.broker.requestsPerSecond / warm.http.requestsPerSecond).toFixed(2)}`,
      goal: '',
      isReached: null,
    },
    {
      measure: 'a token in PostgreSQL but not in the cache',
      measured: `p50 ${ms(cold.p50)}, p99 ${ms(cold.p99)}; ${cold.queries.toFixed(2)} queries`,
      goal: '1 query',
      isReached: Math.round(cold.queries) === 1,
    },
    {
      measure: "expired token, Google at 50 ms: broker's own share",
      measured: `p50 ${ms(expired.p50)}, p99 ${ms(expired.p99)}; soon after the start p50 ${ms(expired.young.p50)}`,
      goal: 'p50 ≤ 5 ms',
      isReached: expired.p50 <= 5,
    },
    {
      measure: `${whole(herd.callers)} callers at once on one expired token, ${herd.replicas} replicas`,
      measured: `${herd.askedAtGoogle} request at Google, ${whole(herd.answered)} answered, ${whole(herd.ms)} ms in all`,
      goal: '1 request, all answered',
      isReached: herd.askedAtGoogle === 1 && herd.answered === herd.callers,
    },
    {
      measure: `${whole(storm.users)} expired users at once, Google at 200 ms, ${storm.poolSize} connections, ${storm.concurrency} requests at a time`,
      measured: `${storm.seconds.toFixed(1)} s for a limit of ${storm.floorSeconds.toFixed(1)} s: ${(storm.seconds / storm.floorSeconds).toFixed(2)}; ${whole(storm.answered)} answered`,
      goal: '≤ 3, no timeouts',
      isReached: storm.seconds <= 3 * storm.floorSeconds && storm.answered === storm.users,
    },
    {
      measure: 'disconnect on one replica, then reads on another',
      measured: `refused after p50 ${ms(disconnects.p50)}, p99 ${ms(disconnects.p99)}`,
      goal: 'p99 ≤ 100 ms',
      isReached: disconnects.p99 <= 100,
    },
    {
      measure: 'disconnect not received, after losing LISTEN: tokens served from the cache in 100 reads',
      measured: String(disconnects.servedAfterLoss),
      goal: '0',
      isReached: disconnects.servedAfterLoss === 0,
    },
    {
      measure: `${whole(dead.calls)} calls on a dead grant`,
      measured: `${dead.askedAtGoogle} requests at Google; ${whole(dead.callsPerSecond)} calls a second`,
      goal: '0 requests',
      isReached: dead.askedAtGoogle === 0,
    },
    ...sizes.map((size) => ({
      measure: `cold read with ${whole(size.grants)} grants`,
      measured: `p50 ${ms(size.p50)}, p99 ${ms(size.p99)}`,
      goal:
        size === larger.at(-1) ? `p50 ≤ 1.3 of the first (${(size.p50 / (small?.p50 ?? 1)).toFixed(2)})` : '',
      isReached: size === larger.at(-1) ? size.p50 <= 1.3 * (small?.p50 ?? 0) : null,
    })),
    {
      measure: 'start to ready, with an existing database',
      measured: `${whole(start.readyAfterMs)} ms`,
      goal: '≤ 1,500 ms',
      isReached: start.readyAfterMs <= 1500,
    },
    {
      measure: 'resident memory, idle',
      measured: `${whole(start.idleMegabytes)} MB`,
      goal: '≤ 150 MB',
      isReached: start.idleMegabytes <= 150,
    },
  ];
}

/** Three bars, and each round as a dot, so that one sees how far the rounds lie apart. */
export function plot({ warm }: Results): string {
  const bars = [
    { name: 'node:http, nothing else', who: 'http' },
    { name: 'NestJS, empty handler + key check', who: 'nest' },
    { name: 'broker, warm token', who: 'broker' },
  ] as const;
  const most = Math.max(
    ...warm.rounds.flatMap((round) => bars.map(({ who }) => round[who].requestsPerSecond)),
  );
  const x = (value: number) => 230 + (value / most) * 400;
  const drawn = bars.map(({ name, who }, row) => {
    const y = 20 + row * 50;
    const { requestsPerSecond, p99 } = warm[who];
    const dots = warm.rounds.map(
      (round) =>
        `<circle cx="${x(round[who].requestsPerSecond).toFixed(1)}" cy="${y + 15}" r="3" fill="#0b3d2e"/>`,
    );
    return `<text x="220" y="${y + 20}" text-anchor="end">${name}</text>
<rect x="230" y="${y}" width="${(x(requestsPerSecond) - 230).toFixed(1)}" height="30" fill="${who === 'broker' ? '#2f9e6e' : '#b8c4be'}"/>
${dots.join('')}
<text x="640" y="${y + 20}">${whole(requestsPerSecond)}/s, p99 ${p99.toFixed(1)} ms</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 830 170" font-family="sans-serif" font-size="13">
<rect width="830" height="170" fill="#fff"/>
${drawn.join('\n')}
</svg>
`;
}
