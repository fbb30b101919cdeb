import type { TextBodies } from '../http/server/body-parsers.js';

/** The first is RFC 8935's; senders and tools use the others instead. */
export const BODY_TYPES = ['application/secevent+jwt', 'application/jwt', 'text/plain'] as const;

/** A body is one JWT. Google's are below 2 KiB. */
export const EVENT_BODIES: TextBodies = { types: BODY_TYPES, maxBytes: 16 * 1024 };
