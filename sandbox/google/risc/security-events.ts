/** Security event tokens (RFC 8417), signed as id_tokens are, and their delivery by push (RFC 8935). */
import { randomUUID } from 'node:crypto';
import type { Google } from '../google.js';
import { riscIssuer } from './configuration.js';

const risc = 'https://schemas.openid.net/secevent/risc/event-type/';
const oauth = 'https://schemas.openid.net/secevent/oauth/event-type/';
export const verificationType = `${risc}verification`;

export interface SecurityEventOptions {
  /** Such as `tokens-revoked`, or a whole URI. */
  type: string;
  subject?: object;
  reason?: string;
  state?: string;
  /** The project of the stream; without it, that of the first client. */
  projectId?: string;
  /** Without it, all client ids of the project. */
  audience?: string | string[];
  jti?: string;
  /** Claims to merge into the token; null removes one. */
  claims?: Record<string, unknown>;
  /** The address to deliver to instead of the stream's; null only signs the token. */
  to?: string | null;
}

export interface Delivery {
  token: string;
  /** Of the receiver's response; null when nothing was sent. */
  status: number | null;
  body: string;
}

export async function deliver(google: Google, event: SecurityEventOptions): Promise<Delivery> {
  const projectId = event.projectId ?? [...google.clients.values()][0]?.projectId ?? '';
  const token = await google.signingKey.sign(claimsOf(google, event, projectId), 'secevent+jwt');
  if (event.to === null) return { token, status: null, body: '' };
  const url = event.to ?? google.securityStreams.get(projectId)?.url;
  if (url === undefined) throw new Error(`The project "${projectId}" has no stream; say where with "to".`);
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/secevent+jwt', accept: 'application/json' },
    body: token,
  });
  return { token, status: response.status, body: await response.text() };
}

function claimsOf(google: Google, event: SecurityEventOptions, projectId: string): Record<string, unknown> {
  const { subject, reason, state, jti = randomUUID() } = event;
  const clientIds = [...google.clients.values()]
    .filter((client) => client.projectId === projectId)
    .map(({ clientId }) => clientId);
  const claims: Record<string, unknown> = {
    iss: riscIssuer(google),
    aud: event.audience ?? clientIds,
    iat: Math.floor(google.now() / 1000),
    jti,
    events: {
      [typeOf(event.type)]: {
        ...(subject && { subject }),
        ...(reason && { reason }),
        ...(state && { state }),
      },
    },
    ...event.claims,
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== null));
}

function typeOf(type: string): string {
  if (type.includes(':')) return type;
  return `${type === 'tokens-revoked' || type === 'token-revoked' ? oauth : risc}${type}`;
}
