/**
 * GET /v2/reports: YouTube Analytics' reports.query, the one Google API that the sample app calls.
 * Numbers are made up, but deterministic for a query.
 */
import { createHash } from 'node:crypto';
import type { Google } from '../google.js';
import { type Incoming, singleValues } from '../incoming.js';
import { refuseArgument, refuseCall } from '../refusals.js';
import { type EndpointResponse, json } from '../response.js';
import { authorizeCall } from './authorize-call.js';

const scopes = [
  'https://www.googleapis.com/auth/yt-analytics.readonly',
  'https://www.googleapis.com/auth/yt-analytics-monetary.readonly',
];

/** The maximum of a metric on one row. */
const metrics: Partial<Record<string, { type: 'INTEGER' | 'FLOAT'; most: number }>> = {
  views: { type: 'INTEGER', most: 20_000 },
  redViews: { type: 'INTEGER', most: 2_000 },
  comments: { type: 'INTEGER', most: 200 },
  likes: { type: 'INTEGER', most: 1_500 },
  dislikes: { type: 'INTEGER', most: 60 },
  shares: { type: 'INTEGER', most: 400 },
  estimatedMinutesWatched: { type: 'INTEGER', most: 90_000 },
  averageViewDuration: { type: 'INTEGER', most: 600 },
  averageViewPercentage: { type: 'FLOAT', most: 100 },
  subscribersGained: { type: 'INTEGER', most: 300 },
  subscribersLost: { type: 'INTEGER', most: 80 },
  estimatedRevenue: { type: 'FLOAT', most: 250 },
};

const dimensions: Partial<Record<string, (start: Date, end: Date) => string[]>> = {
  day: (start, end) => datesBetween(start, end).map((date) => date.slice(0, 10)),
  month: (start, end) => [...new Set(datesBetween(start, end).map((date) => date.slice(0, 7)))],
  country: () => ['BR', 'DE', 'GB', 'IN', 'JP', 'US'],
  deviceType: () => ['DESKTOP', 'MOBILE', 'TABLET', 'TV'],
  video: () => ['dQw4w9WgXcQ', 'jNQXAC9IVRw', 'M7lc1UVf-VE'],
};

export function reports(google: Google, incoming: Incoming): EndpointResponse {
  const { sub, serviceAccount } = authorizeCall(google, incoming, scopes);
  // Google's guide: this API does not support the service account flow. A channel belongs to no service account.
  if (serviceAccount !== undefined) throw refuseCall('forbidden');
  const asked = singleValues(incoming.query, refuseArgument);
  const required = (name: string): string => {
    const value = asked[name];
    if (value === undefined) throw refuseArgument(`Required parameter: ${name}`);
    return value;
  };
  const ids = required('ids');
  const [start, end] = [
    readDate('startDate', required('startDate')),
    readDate('endDate', required('endDate')),
  ];
  const columns = required('metrics')
    .split(',')
    .map((name) => ({ name, ...known(metrics, 'metrics', name) }));
  const named = asked['dimensions']?.split(',') ?? [];

  const keys = named.reduce<string[][]>(
    (rows, name) => {
      const values = known(dimensions, 'dimensions', name)(start, end);
      return rows.flatMap((row) => values.map((value) => [...row, value]));
    },
    [[]],
  );
  const rows = keys.map((key) => [
    ...key,
    ...columns.map(({ name, type, most }) => {
      const amount = most * shareOf([sub, ids, required('startDate'), required('endDate'), ...key, name]);
      return type === 'INTEGER' ? Math.floor(amount) : Math.round(amount * 100) / 100;
    }),
  ]);
  return json(200, {
    kind: 'youtubeAnalytics#resultTable',
    columnHeaders: [
      ...named.map((name) => ({ name, columnType: 'DIMENSION', dataType: 'STRING' })),
      ...columns.map(({ name, type }) => ({ name, columnType: 'METRIC', dataType: type })),
    ],
    rows: rows.slice(0, Number(asked['maxResults'] ?? rows.length)),
  });
}

function known<T>(table: Partial<Record<string, T>>, field: string, name: string): T {
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  if (found !== undefined) return found;
  throw refuseArgument(`Unknown identifier (${name}) given in field parameters.${field}.`);
}

function readDate(name: string, text: string): Date {
  const date = new Date(`${text}T00:00:00Z`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(date.getTime())) {
    throw refuseArgument(`Invalid value '${text}' for ${name}, expected YYYY-MM-DD.`);
  }
  return date;
}

/** At most two years of them. */
function datesBetween(start: Date, end: Date): string[] {
  const days = Math.min(731, Math.round((end.getTime() - start.getTime()) / 86_400_000) + 1);
  return Array.from({ length: Math.max(0, days) }, (_, day) =>
    new Date(start.getTime() + day * 86_400_000).toISOString(),
  );
}

/** A number from 0 to 1 that depends on the query only. */
const shareOf = (question: string[]): number =>
  createHash('sha256').update(JSON.stringify(question)).digest().readUInt32BE() / 2 ** 32;
