/**
 * Answers GET /tokens/:userId on Node's own request and response where the response is not in the cache, but the pipeline has
 * accepted the same credential and query before (accepted-calls.ts). Does around TokenIssuer.answer what the pipeline does
 * for such a call: counts it, gives its log lines its id, and writes audit event, metrics and access log. Owns no error:
 * a call that fails is handed over to the pipeline, which answers with that error and does not begin again.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PinoLogger } from 'nestjs-pino';
import { isUserId } from '../domain/access/user-rule.js';
import type { TokenSource } from '../domain/metrics/call-metrics.js';
import type { Clock } from '../domain/ports/clock.js';
import { AuditNote } from '../http/audit.decorator.js';
import { decodeCellUser } from '../http/cell-user.js';
import type { AccessLog } from '../http/logging/access-log.js';
import { requestId } from '../http/logging/logger.js';
import type { RateLimits } from '../http/rate-limit/rate-limit.hook.js';
import { handOver } from '../http/request-context.js';
import type { AuditLog } from '../token-store/audit/audit-log.repository.js';
import type { AcceptedCall, AcceptedCalls } from './accepted-calls.js';
import type { TokenIssuer } from './token-issuer.js';

/** How a token is counted. */
const TOKEN = { method: 'GET', route: '/tokens/:userId', status: 200, code: null } as const;
const PATH = /^\/tokens\/([^/?]+)(\?.*)?$/;
/** What reads the same decoded, and no router takes for anything else. */
const PLAIN = /^[\w.~@-]+$/;

interface ColdPathParts {
  readonly calls: AcceptedCalls;
  readonly issuer: TokenIssuer;
  readonly clock: Clock;
  readonly audit: AuditLog;
  readonly limits: RateLimits;
  readonly accessLog: AccessLog;
  readonly log: PinoLogger;
  readonly cell: string | null;
}

/** A request that nothing makes unusual (warm-path.ts). */
export interface ColdRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly digest: string;
  readonly now: Date;
  /** By performance.now(). */
  readonly startedAt: number;
  /** Sends a token. */
  readonly send: (body: string) => void;
  /** The pipeline. */
  readonly next: () => void;
}

export class ColdPath {
  constructor(private readonly parts: ColdPathParts) {}

  /** @returns false: nothing was counted and nothing begun */
  serve(cold: ColdRequest): boolean {
    const { calls, audit, limits, log, cell } = this.parts;
    const [, text = '', search = ''] = PATH.exec(cold.request.url ?? '') ?? [];
    // The pipeline refuses any other text than encodeURIComponent's where there are cells (http/cell-user.ts), and may read it differently.
    const userId = cell === null && PLAIN.test(text) ? text : (decodeCellUser(text) ?? '');
    const call = isUserId(userId) ? calls.find(cold.digest, search, cold.now) : null;
    const service = call?.caller.service;
    if (!call || !service || !audit.hasCapacity(service.id) || !limits.admitKnown(service.id)) return false;
    const id = requestId(cold.request);
    void log.runInContext(() => this.#answer(cold, call, userId, id), { bindings: { request_id: id } });
    return true;
  }

  async #answer(cold: ColdRequest, call: AcceptedCall, userId: string, id: string): Promise<void> {
    const { request, response, startedAt } = cold;
    const { query } = call;
    const { service } = call.caller;
    const note = new AuditNote();
    const seen = { id, tokenSource: 'none' as TokenSource };
    let body: string;
    try {
      const known = { ...call, url: request.url ?? '' };
      const asked = { service, userId, query, request: seen, reply: { raw: response }, audit: note };
      body = JSON.stringify(await this.parts.issuer.answer(known, asked));
    } catch (error) {
      handOver(request, { error, facts: note.facts, requestId: id, countedFor: service.id, startedAt });
      cold.next();
      return;
    }
    const { clock, audit, accessLog } = this.parts;
    audit.record({
      at: clock.now(),
      action: 'token.issue',
      actor: service.name,
      serviceId: service.id,
      requestId: id,
      ...note.facts,
      outcome: 'ok',
    });
    cold.send(body);
    const ms = performance.now() - startedAt;
    const series = accessLog.seriesOf({ ...TOKEN, source: seen.tokenSource });
    const { route } = TOKEN;
    const facts = { request, route, status: 200, ms, service: service.name, series, isQuiet: false };
    accessLog.answered({ ...facts, requestId: () => id });
  }
}
