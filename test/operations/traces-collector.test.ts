/**
 * Traces as a collector gets them, from processes that are configured by OpenTelemetry's variables alone; and that nothing of
 * OpenTelemetry is there without them (test/operations/bundle.test.ts: not even read).
 */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Fleet, type Replica, startFleet } from '../../sandbox/fleet/fleet.js';
import { seedService } from '../../sandbox/fleet/seed.js';
import { exhaustive } from '../support/exhaustive.js';
import { type Collector, startCollector } from '../support/otlp-collector.js';
import { createDatabase } from '../support/test-bed.js';
import { until } from '../support/until.js';

let collector: Collector;
let database: pg.Client;
let fleet: Fleet;
let key: string;
beforeAll(async () => {
  collector = await startCollector();
  const url = await createDatabase();
  database = new pg.Client({ connectionString: url });
  await database.connect();
  fleet = await startFleet(url, 1, {
    LOG_LEVEL: 'info',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=s3cr3t-of-the-collector',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  });
  key = await seedService(fleet, database);
}, 60_000);
afterAll(async () => {
  await fleet.stop();
  await database.end();
  await collector.close();
});

const TRACE = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
let calls = 0;
beforeEach(() => {
  calls++;
});
const traceId = () => `${TRACE}${calls}`;

async function call({ url }: Replica, flags = '01'): Promise<number> {
  const { status } = await fetch(`${url}/users/alice/grants`, {
    headers: {
      authorization: `Bearer ${key}`,
      traceparent: `00-${traceId()}-b7ad6b7169203331-${flags}`,
    },
  });
  return status;
}
const received = () => collector.spans.filter((span) => span.traceId === traceId());
const [first] = [() => fleet.replicas[0] as Replica];

describe('a broker with the endpoint of a collector', () => {
  test('sends it the spans of a call, in OTLP over HTTP, with its name and version', async () => {
    expect(await call(first())).toBe(200);
    await until(() => received().some(({ kind }) => kind === 2));
    const server = received().find(({ kind }) => kind === 2);
    expect(server).toMatchObject({
      name: 'GET /users/:userId/grants',
      parentSpanId: 'b7ad6b7169203331',
      attributes: { 'http.route': '/users/:userId/grants', 'http.response.status_code': 200 },
      resource: {
        'service.name': 'token-broker',
        'service.version': expect.stringMatching(/^\d+\.\d+\.\d+/),
        'service.instance.id': expect.any(String),
        'deployment.environment.name': 'test',
      },
      url: '/v1/traces',
    });
    expect(server?.headers).toMatchObject({
      'content-type': 'application/x-protobuf',
      'api-key': 's3cr3t-of-the-collector',
    });
    await until(() => received().some(({ parentSpanId }) => parentSpanId === server?.spanId));
  });

  exhaustive.test(
    'says once that the collector takes nothing, and once that it does again, and answers calls all the while',
    async () => {
      const said = (text: string) => first().log().split(text).length - 1;
      collector.respondWith(400);
      for (const times of [1, 2, 3]) {
        expect(await call(first())).toBe(200);
        await until(() => said('traces do not arrive at the collector') === Math.min(times, 1));
      }
      collector.respondWith(200);
      await until(async () => {
        await call(first());
        return said('traces arrive again') === 1;
      });
      expect(said('traces do not arrive at the collector')).toBe(1);
      expect(first().log()).not.toContain('s3cr3t-of-the-collector');
    },
  );

  exhaustive.test('sends what is left when it stops', async () => {
    const broker = await fleet.add({ OTEL_BSP_SCHEDULE_DELAY: '600000', OTEL_SERVICE_NAME: 'named' });
    expect(await call(broker)).toBe(200);
    expect(await broker.end('SIGTERM')).toBe(0);
    const server = received().find(({ kind }) => kind === 2);
    expect(server?.resource['service.name']).toBe('named');
    expect(broker.log()).toContain('"name":"named"');
  });

  exhaustive.test('stops in time where the collector does not answer', async () => {
    const broker = await fleet.add({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:9/v1/traces',
      OTEL_BSP_SCHEDULE_DELAY: '600000',
    });
    expect(await call(broker)).toBe(200);
    expect(await broker.end('SIGTERM')).toBe(0);
  });

  exhaustive.test('samples as configured, except where the caller has decided', async () => {
    const broker = await fleet.add({
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0',
    });
    await call(broker);
    const before = collector.spans.length;
    await fetch(`${broker.url}/users/alice/grants`, { headers: { authorization: `Bearer ${key}` } });
    await broker.end('SIGTERM');
    expect(received().some(({ kind }) => kind === 2)).toBe(true);
    expect(collector.spans.slice(before).every((span) => span.traceId === traceId())).toBe(true);
  });
});

exhaustive.test.each([
  ['OTEL_SDK_DISABLED', 'true'],
  ['OTEL_TRACES_EXPORTER', 'none'],
])('a broker with %s=%s sends nothing', async (name, value) => {
  const broker = await fleet.add({ [name]: value });
  expect(await call(broker)).toBe(200);
  await broker.end('SIGTERM');
  expect(received()).toEqual([]);
});
