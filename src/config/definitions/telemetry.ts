import { choice, flag, isHttpUrl, matches, text } from '../setting.js';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const LOG_FORMATS = ['json', 'pretty', 'gcp', 'ecs'] as const;

/** Those of OpenTelemetry. */
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

const COLLECTOR = {
  accepts: isHttpUrl,
  fault: 'must be an http or https URL',
};

/** The log. */
export const LOG_SETTINGS = {
  LOG_LEVEL: choice(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`, {
    default: 'info',
    doc: 'The least severe level that is logged. No level shows a token, a key or a query string.',
    example: 'warn',
  }),
  LOG_FORMAT: choice(LOG_FORMATS, `must be one of ${LOG_FORMATS.join(', ')}`, {
    default: 'json',
    doc: 'How log lines are written: as JSON, for people, for Google Cloud Logging, or in the Elastic Common Schema.',
    more: 'See [the log](observability.md#the-log). The trial mode sets `pretty`.',
    example: 'ecs',
  }),
  GOOGLE_CLOUD_PROJECT: text({
    default: null,
    rule: matches(/^[a-z][a-z0-9.:-]{0,62}$/, 'must be the id of a Google Cloud project'),
    doc: 'The project whose traces the log lines of `LOG_FORMAT=gcp` name.',
    example: 'my-project',
  }),
};

/**
 * The variables of OpenTelemetry that decide whether there are traces, and whose faults the start reports. Its SDK reads
 * the others by itself: docs/observability.md lists them.
 */
export const TRACE_SETTINGS = {
  OTEL_EXPORTER_OTLP_ENDPOINT: text({
    default: null,
    rule: COLLECTOR,
    doc: 'The base URL of an OpenTelemetry collector: traces go to its path `/v1/traces`.',
    more: 'With neither this, the next one nor `OTEL_TRACES_EXPORTER` there are no traces.',
    example: 'http://collector:4318',
  }),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: text({
    default: null,
    rule: COLLECTOR,
    doc: 'The whole URL for traces, where it is another one.',
    example: 'https://traces.example.com/v1/traces',
  }),
  OTEL_TRACES_EXPORTER: choice(['otlp', 'none'], 'must be otlp or none: the broker has no other exporter', {
    default: null,
    doc: 'Whether traces are sent. `otlp` alone: to the collector on this machine.',
    example: 'otlp',
  }),
  OTEL_SDK_DISABLED: flag({
    default: false,
    doc: '`true`: there are no traces, whatever else is set.',
    example: 'true',
  }),
  OTEL_SERVICE_NAME: text({
    default: 'token-broker',
    doc: 'The name of this service in traces and in the log.',
    example: 'token-broker-eu',
  }),
  OTEL_TRACES_SAMPLER: choice(SAMPLERS, `must be one of ${SAMPLERS.join(', ')}`, {
    default: 'parentbased_always_on',
    doc: 'Which traces are recorded. The `parentbased_` ones follow the decision of the caller, where it sends one.',
    example: 'parentbased_traceidratio',
  }),
  OTEL_TRACES_SAMPLER_ARG: text({
    default: null,
    rule: {
      accepts: (value) => Number(value) >= 0 && Number(value) <= 1,
      fault: 'must be a number from 0 to 1',
    },
    doc: 'The share of traces that a `traceidratio` sampler records, from 0 to 1.',
    more: 'Not set: all.',
    example: '0.05',
  }),
};
