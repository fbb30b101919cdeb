/** A warm GET /tokens beside bare node:http with the same response, and beside an empty NestJS handler with the same key check. */
import { compiled } from '../../sandbox/compiled.js';
import { withFleet } from '../environment.js';
import { CONNECTIONS, interleave, middle, p50, p99, type Round, share } from '../load.js';
import { atLeast, atMost, type Measure, ms, ratio, whole } from '../measure.js';
import { latencyCurve } from '../page/lines.js';
import { bars } from '../page/bars.js';
import { startServer } from '../processes.js';

interface Warm {
  readonly rounds: readonly Round<'http' | 'nest' | 'broker'>[];
  readonly bodyBytes: number;
  readonly headers: number;
}

/** Of one response only, or of the connection. */
export const NOT_COMPARED = ['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'];

const SHOWN = [
  { who: 'http', label: 'bare node:http', tone: 'node' },
  { who: 'broker', label: 'broker, warm token', tone: 'broker' },
  { who: 'nest', label: 'NestJS, empty handler', tone: 'nest' },
] as const;

export const warm: Measure<Warm> = {
  name: 'warm',
  title: 'A warm token',
  explanation: `\`GET /tokens/:userId\` of a token that is in the cache, ${CONNECTIONS} connections, each of which sends its next request
when it has its response. _Bare node:http_ is a plain server: it answers the same headers and the same bytes to every request, each as it
arrives. The broker sends the responses of one turn of the event loop together, so that it can be the faster one. _The empty handler_ is NestJS on Fastify with the same key check (SHA-256, compared in constant time) and the same bytes: no
logging, no limits, no headers, no audit, all of which the broker has. All three run with the flags of the container image.`,
  take: (databaseUrl, effort) =>
    withFleet(databaseUrl, 1, {}, async ({ fleet, url, key, authorization, seed }) => {
      const [user] = await seed('warm', 1, 3500);
      const path = `/tokens/${user ?? ''}`;
      const response = await fetch(`${url}${path}`, { headers: authorization });
      const body = await response.text();
      const headers = Object.fromEntries(
        [...response.headers].filter(([name]) => !NOT_COMPARED.includes(name)),
      );
      const http = await startServer(compiled('bench/servers/bare-http.js'), {
        BODY: body,
        HEADERS: JSON.stringify(headers),
      });
      const nest = await startServer(compiled('bench/servers/bare-nest.js'), { BODY: body, KEY: key });
      try {
        const target = (base: string, pid: number | undefined) => ({
          url: `${base}${path}`,
          headers: authorization,
          pid,
        });
        const rounds = await interleave(
          {
            http: target(`http://127.0.0.1:${http.report.port}`, http.pid),
            nest: target(`http://127.0.0.1:${nest.report.port}`, nest.pid),
            broker: target(url, fleet.replicas[0]?.process.pid),
          },
          effort,
        );
        return { rounds, bodyBytes: Buffer.byteLength(body), headers: Object.keys(headers).length };
      } finally {
        await Promise.all([http.end(), nest.end()]);
      }
    }),
  rows({ rounds }) {
    const [http, nest, broker] = (['http', 'nest', 'broker'] as const).map((who) => middle(rounds, who));
    if (!http || !nest || !broker) return [];
    const toHttp = share(rounds, 'broker', 'http');
    const toNest = share(rounds, 'broker', 'nest');
    const tail = share(rounds, 'broker', 'nest', p99);
    return [
      {
        measure: 'warm `GET /tokens` against bare `node:http`, requests a second',
        measured: `${whole(broker.requestsPerSecond)} against ${whole(http.requestsPerSecond)}: ${ratio(toHttp)}`,
        goal: atLeast(toHttp, 0.72),
      },
      {
        measure: 'the same against an empty NestJS handler with the same key check',
        measured: `${whole(broker.requestsPerSecond)} against ${whole(nest.requestsPerSecond)}: ${ratio(toNest)}`,
        goal: atLeast(toNest, 1.7),
      },
      {
        measure: 'the same, p99',
        measured: `${ms(p99(broker))} against ${ms(p99(nest))}: ${ratio(tail)}; p50 ${ms(p50(broker))}`,
        goal: atMost(tail, 1),
      },
    ];
  },
  notes: ({ rounds, bodyBytes, headers }) =>
    `The response has ${bodyBytes} bytes and ${headers} headers besides those of the connection. The load generator itself took
${ratio(middle(rounds, 'http').generatorCores)} of a core while it loaded bare node:http, ${ratio(middle(rounds, 'broker').generatorCores)} with the broker:
near 1, it is the limit of what it measures, and the true ratio is lower.`,
  plots: ({ rounds }) => [
    bars('warm', 'A warm token', rounds, SHOWN),
    latencyCurve('warm-latency', 'A warm token', rounds, SHOWN),
  ],
};
