import { Injectable, Logger } from '@nestjs/common';
import { ActivityCounts, type ActivityKind } from '../domain/activity.js';
import { causeFacts, type ConnectEnd } from '../domain/connect/connect-end.js';
import {
  CONNECT_STEPS,
  type ConnectStep,
  type ConnectStepOutcome,
  CONNECTS,
} from '../domain/metrics/grant-metrics.js';
import type { Counter } from '../domain/metrics/instruments.js';
import { Meter } from '../domain/metrics/meter.js';

const SUCCESSES: ReadonlySet<ConnectEnd['outcome']> = new Set(['ok', 'held', 'pending']);
/** Nothing went wrong: most links that expire were never opened. */
const QUIET: ReadonlySet<ConnectEnd['outcome']> = new Set(['expired', 'cancelled']);

/** For the charts of the console. What is pending or finishing ends later, by another call. */
const ACTIVITY: Partial<Record<ConnectEnd['outcome'], ActivityKind>> = {
  ok: 'connects.finished',
  held: 'connects.finished',
  partial: 'connects.partial',
  denied: 'connects.denied',
  failed: 'connects.failed',
  refused: 'connects.failed',
};

/** Counts the steps of connects; logs and counts how they end, and why. */
@Injectable()
export class ConnectMetrics {
  readonly #log = new Logger('Connect');
  readonly #count: Counter<typeof CONNECTS.labels>;
  readonly #steps: Counter<typeof CONNECT_STEPS.labels>;

  constructor(
    meter: Meter,
    private readonly activity: ActivityCounts,
  ) {
    this.#count = meter.counter(CONNECTS);
    this.#steps = meter.counter(CONNECT_STEPS);
  }

  step(step: ConnectStep, outcome: ConnectStepOutcome): void {
    this.#steps.add({ step, outcome });
    if (step === 'google' && outcome === 'ok') this.activity.add('connects.started');
  }

  /** A ticket with `purpose: 'manage'` is not a connect: not counted. */
  ended(end: ConnectEnd): void {
    const { outcome, cause, connectRequest, requestId, isWithoutBrowser } = end;
    if (connectRequest?.purpose === 'manage') return;
    this.#count.add({ outcome, cause });
    const kind = ACTIVITY[outcome];
    if (kind) this.activity.add(kind);
    const facts = {
      outcome,
      cause,
      // Within a call, the logger adds the id to every line.
      ...(isWithoutBrowser ? { request_id: requestId, without_browser: true } : {}),
      ...causeFacts(end),
      ...(connectRequest
        ? { service: connectRequest.serviceId, user: connectRequest.userId, client: connectRequest.client }
        : {}),
    };
    if (SUCCESSES.has(outcome)) this.#log.debug(facts, 'connect ended');
    else if (QUIET.has(outcome)) this.#log.log(facts, 'connect ended');
    else this.#log.warn(facts, 'connect failed');
  }
}
