/**
 * Whether the variables of OpenTelemetry ask for traces, and what of them the broker cannot do.
 * Does not own the SDK (tracing/), which reads from the environment where traces go.
 */
import type { Environment, EnvironmentVariables } from './environment.js';

export interface TracingSettings {
  readonly serviceName: string;
  readonly sampler: Environment['OTEL_TRACES_SAMPLER'];
  /** The share of traces that it records, where it goes by one. */
  readonly ratio: number;
}

/** Of the OTLP exporter; for traces alone, and for all signals. */
const PROTOCOLS = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'];
const PROTOCOL = 'http/protobuf';

/** @returns null: no traces, and nothing of OpenTelemetry is loaded */
export function readTracing(
  environment: Environment,
  env: EnvironmentVariables,
): { tracing: TracingSettings | null; faults: string[] } {
  const { OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER: exporter, OTEL_TRACES_SAMPLER_ARG: ratio } = environment;
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT } = environment;
  const isAsked =
    (exporter ?? OTEL_EXPORTER_OTLP_ENDPOINT ?? OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) !== null &&
    exporter !== 'none';
  if (OTEL_SDK_DISABLED || !isAsked) return { tracing: null, faults: [] };
  const name = PROTOCOLS.find((each) => env[each]);
  const faults =
    name === undefined || env[name] === PROTOCOL
      ? []
      : [`${name} must be ${PROTOCOL}, to port 4318 of most collectors: the broker sends traces in no other`];
  const tracing = {
    serviceName: environment.OTEL_SERVICE_NAME,
    sampler: environment.OTEL_TRACES_SAMPLER,
    ratio: ratio === null ? 1 : Number(ratio),
  };
  return { tracing, faults };
}
