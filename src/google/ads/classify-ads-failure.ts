import {
  ADS_ERROR_CODE,
  ADS_FAILURES,
  AdsFailure,
  type AdsFailureKind,
} from '../../domain/ads/ads-failure.js';
import { printableLine } from '../../domain/text.js';
import { readJsonObject } from '../read-json.js';
import { boundedSeconds } from '../oauth/classify-failure.js';

/** A failed response of the Google Ads API. */
export interface FailedAdsResponse {
  readonly status: number;
  readonly body: string;
  /** In seconds. */
  readonly retryAfter: number | null;
}

/** Also stands beside codes that say more: decides only where there is no other. */
const GENERIC = 'PERMISSION_DENIED';

const BY_CODE: ReadonlyMap<string, AdsFailureKind> = new Map(
  ADS_FAILURES.flatMap(({ errors, kind }) =>
    errors.filter((code) => code !== GENERIC).map((code) => [code, kind] as const),
  ),
);

/** Classifies a failure of the Google Ads API. What is not known to be final is `unavailable`. */
export function classifyAdsFailure({ status, body, retryAfter }: FailedAdsResponse): AdsFailure {
  const { codes, message, retrySeconds } = read(body);
  const failure = (kind: AdsFailureKind, code = codes[0]) =>
    new AdsFailure(kind, code ?? `http_${status}`, message, retryAfter ?? retrySeconds);
  // Of a version after its sunset: no retry helps.
  if (status === 501 || (status === 404 && codes.length === 0 && message === ''))
    return failure('project_rejected');
  // An error in a success or a redirect is not how Google refuses.
  if (status < 400 || status >= 500 || status === 408 || status === 429) return failure('unavailable');
  const known = codes.find((code) => BY_CODE.has(code));
  if (known !== undefined) return failure(BY_CODE.get(known) ?? 'unavailable', known);
  if (status === 401 || /insufficient authentication scopes/i.test(message)) return failure('token_rejected');
  // A front end in an outage answers HTML, also with 403.
  return failure(codes.length > 0 || message !== '' ? 'project_rejected' : 'unavailable');
}

interface Detail {
  readonly reason?: unknown;
  readonly errors?: readonly {
    readonly errorCode?: Readonly<Record<string, unknown>>;
    readonly details?: { readonly quotaErrorDetails?: { readonly retryDelay?: unknown } };
  }[];
}

/** Reads google.rpc.Status as JSON, leniently. The most specific code comes first. */
function read(body: string): { codes: string[]; message: string; retrySeconds: number | null } {
  try {
    const { error } = (readJsonObject(body) ?? {}) as { error?: Record<string, unknown> };
    const details = (Array.isArray(error?.['details']) ? error['details'] : []) as Detail[];
    const errors = details.flatMap((detail) => detail.errors ?? []);
    const codes = [
      ...errors.flatMap(({ errorCode }) => Object.values(errorCode ?? {})),
      ...details.map(({ reason }) => reason),
      error?.['status'],
    ].filter((code): code is string => typeof code === 'string' && ADS_ERROR_CODE.test(code));
    const delays = errors.map(({ details: more }) => more?.quotaErrorDetails?.retryDelay);
    const delay = delays.map((each) => /^(\d+)(\.\d+)?s$/.exec(String(each))?.[1]).find(Boolean);
    return {
      codes,
      message: typeof error?.['message'] === 'string' ? printableLine(error['message']) : '',
      retrySeconds: delay === undefined ? null : boundedSeconds(Number(delay)),
    };
  } catch {
    return { codes: [], message: '', retrySeconds: null };
  }
}
