/** Every metric there is, by the sections of docs/metrics.md: all that the files of this folder declare. */
import * as calls from './call-metrics.js';
import type { Metric } from './declaration.js';
import * as google from './google-metrics.js';
import * as grants from './grant-metrics.js';
import * as system from './system-metrics.js';

/** The title of a section, and its metrics by name. */
export const METRICS: Readonly<Record<string, readonly Metric[]>> = {
  'Calls and caches': metricsOf(calls),
  'Refreshes at Google': metricsOf(google),
  'Grants, connects and events': metricsOf(grants),
  'Database, keys and processes': metricsOf(system),
};

function metricsOf(file: Readonly<Record<string, unknown>>): Metric[] {
  return Object.values(file)
    .filter(isMetric)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isMetric(value: unknown): value is Metric {
  return typeof value === 'object' && value !== null && 'name' in value && 'labels' in value;
}
