import type { Secret } from '../secret.js';

/** A secret that was replaced, and signs as well until a time. */
interface FormerSecret {
  readonly secret: Secret;
  readonly until: Date;
}

/** What signs the events of a webhook. */
export interface WebhookSecrets {
  readonly current: Secret;
  /** The newest first. */
  readonly former: readonly FormerSecret[];
}

/** How long the one before signs as well, where nothing else is said. */
export const OVERLAP_SECONDS = 24 * 3600;

const MAX_FORMER = 5;
/** In the header of each event. */
export const MAX_SIGNATURES = 1 + MAX_FORMER;

/**
 * Another secret for the same webhook. The one before signs as well until the overlap ends, and so does each that was replaced
 * earlier: the app may have got none of the newer ones.
 * @param overlapMs 0: only the new one signs from now on
 */
export function rotated(
  { current, former }: WebhookSecrets,
  secret: Secret,
  overlapMs: number,
  now: Date,
): WebhookSecrets {
  if (overlapMs === 0) return { current: secret, former: [] };
  const replaced = { secret: current, until: new Date(now.getTime() + overlapMs) };
  const others = [replaced, ...former].filter(
    (each) => each.until > now && each.secret.reveal() !== secret.reveal(),
  );
  return { current: secret, former: others.slice(0, MAX_FORMER) };
}

/** The secrets that sign an event which is sent now. */
export function signingSecrets({ current, former }: WebhookSecrets, now: Date): Secret[] {
  return [current, ...former.filter(({ until }) => until > now).map(({ secret }) => secret)];
}
