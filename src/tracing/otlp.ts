/**
 * Where spans go: in batches to a collector, by OTLP over HTTP. OpenTelemetry's own variables say where, and its packages read
 * them; docs/observability.md lists them. Does not own what a span says (open-telemetry.ts). OpenTelemetry's own diagnostics are
 * not logged: they quote the values of headers.
 */
import { randomUUID } from 'node:crypto';
import { getNumberFromEnv } from '@opentelemetry/core';
import type { ExportResult } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { TracingSettings } from '../config/tracing.js';
import { OpenTelemetry } from './open-telemetry.js';
import type { Tracing } from './tracing.js';

/** @param report called when traces no longer arrive, with the reason, and when they do again, with null */
export function exportTraces(
  settings: TracingSettings,
  version: string,
  report: (fault: string | null) => void,
): Tracing {
  const resource = resourceFromAttributes({
    'service.name': settings.serviceName,
    'service.version': version,
    'service.instance.id': randomUUID(),
    // OTEL_RESOURCE_ATTRIBUTES may say otherwise.
  }).merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }));
  const processor = new BatchSpanProcessor({
    exporter: new ReportingExporter(new OTLPTraceExporter(), report),
    ...numbers({
      scheduledDelayMillis: 'OTEL_BSP_SCHEDULE_DELAY',
      maxQueueSize: 'OTEL_BSP_MAX_QUEUE_SIZE',
      maxExportBatchSize: 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
      exportTimeoutMillis: 'OTEL_BSP_EXPORT_TIMEOUT',
    }),
  });
  const provider = new TracerProvider({
    resource,
    sampler: samplerOf(settings),
    spanProcessors: [processor],
  });
  return new OpenTelemetry(provider, version);
}

function numbers<Name extends string>(
  variables: Readonly<Record<Name, string>>,
): Partial<Record<Name, number>> {
  const read = Object.entries<string>(variables).map(([name, variable]) => [
    name,
    getNumberFromEnv(variable),
  ]);
  return Object.fromEntries(read.filter(([, value]) => value !== undefined)) as Partial<Record<Name, number>>;
}

function samplerOf({ sampler, ratio }: TracingSettings): Sampler {
  const root = sampler.endsWith('traceidratio')
    ? new TraceIdRatioBasedSampler(ratio)
    : sampler.endsWith('always_off')
      ? new AlwaysOffSampler()
      : new AlwaysOnSampler();
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

/** Says once that a collector does not take traces, and once that it does again, in place of with each batch. */
class ReportingExporter implements SpanExporter {
  #isFailing = false;

  constructor(
    private readonly exporter: SpanExporter,
    private readonly report: (fault: string | null) => void,
  ) {}

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.exporter.export(spans, (result) => {
      const { error } = result;
      if ((error !== undefined) !== this.#isFailing) {
        this.#isFailing = !this.#isFailing;
        this.report(error ? `${error.name}: ${error.message}` : null);
      }
      done(result);
    });
  }

  forceFlush(): Promise<void> {
    return this.exporter.forceFlush?.() ?? Promise.resolve();
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }
}
