/** Security event tokens (RFC 8417), signed as id_tokens are, and their delivery by push (RFC 8935). */
import { randomUUID } from 'node:crypto';
import type { Google } from '../google.js';
import { riscIssuer } from './configuration.js';

const risc = 'https://schemas.openid.net/secevent/risc/event-type/';
const oauth = 'https://schemas.openid.net/secevent/oauth/event-type/';
export const verificationType = `${risc}verification`;

export interface SecurityEventOrder {
  /** Such as `tokens-revoked`, or a whole URI. */
  type: string;
  subject?: object;
  reason?: string;
  state?: string;
  /** Whose stream; without it the project of the first client. */
  projectId?: string;
  /** Without it, all client ids of the project. */
  audience?: string | string[];
  jti?: string;
  /** Claims to merge into the token; null takes one out. */
  claims?: Record<string, unknown>;
  /** Where to, instead of the stream's address; null only makes the token. */
  to?: string | null;
}

export interface Delivery {
  token: string;
  /** Of the receiver's answer; null when nothing was sent. */
  status: number | null;
  body: string;
}

export async function deliver(google: Google, order: SecurityEventOrder): Promise<Delivery> {
  const projectId = order.projectId ?? [...google.clients.values()][0]?.projectId ?? '';
  const token = await google.signingKey.sign(claimsOf(google, order, projectId), 'secevent+jwt');
  if (order.to === null) return { token, status: null, body: '' };
  const url = order.to ?? google.securityStreams.get(projectId)?.url;
  if (url === undefined) throw new Error(`The project "${projectId}" has no stream; say where with "to".`);
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/secevent+jwt', accept: 'application/json' },
    body: token,
  });
  return { token, status: response.status, body: await response.text() };
}

function claimsOf(google: Google, order: SecurityEventOrder, projectId: string): Record<string, unknown> {
  const { subject, reason, state, jti = randomUUID() } = order;
  const clientIds = [...google.clients.values()]
    .filter((client) => client.projectId === projectId)
    .map(({ clientId }) => clientId);
  const claims: Record<string, unknown> = {
    iss: riscIssuer(google),
    aud: order.audience ?? clientIds,
    iat: Math.floor(google.now() / 1000),
    jti,
    events: {
      [typeOf(order.type)]: {
        ...(subject && { subject }),
        ...(reason && { reason }),
        ...(state && { state }),
      },
    },
    ...order.claims,
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== null));
}

function typeOf(type: string): string {
  if (type.includes(':')) return type;
  return `${type === 'tokens-revoked' || type === 'token-revoked' ? oauth : risc}${type}`;
}
