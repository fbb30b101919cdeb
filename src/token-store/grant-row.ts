import type { Diagnosis, Grant } from '../domain/grant.js';
import type { Grant as Row } from './prisma-client/client.js';

export function fromRow(row: Row): Grant {
  const {
    accountSub,
    accountEmail,
    diagnosis,
    sealedRefreshToken: _sealed,
    suspendedAt: _suspendedAt,
    expiryToldAt: _told,
    ...columns
  } = row;
  return {
    ...columns,
    account: { sub: accountSub, email: accountEmail },
    diagnosis: diagnosis as Diagnosis | null,
  };
}
