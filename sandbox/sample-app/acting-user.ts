/** A real app takes its user from the session; this one lets you be anyone. */
const DEFAULT = 'alice';

export class NoUserId extends Error {
  override readonly name = 'NoUserId';
}

/** @throws {NoUserId} for what could change the path of a call to the broker */
export function actingUser(fields: URLSearchParams): string {
  const user = fields.get('user')?.trim() || DEFAULT;
  if (/^[A-Za-z0-9]/.test(user)) return user;
  throw new NoUserId();
}

export function homeOf(user: string, more: Readonly<Record<string, string>> = {}): string {
  return `/?${new URLSearchParams({ user, ...more }).toString()}`;
}
