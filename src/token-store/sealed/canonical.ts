/**
 * One text for one meaning, to be bound into a seal or a MAC: JSON with sorted members. What is absent, null, false or an
 * empty list is left out of objects, so that a column added later with such a default changes nothing of older rows.
 */
export function canonical(value: unknown): string {
  return JSON.stringify(normalized(value));
}

function normalized(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64url');
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(normalized);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => !isAbsent(member));
  return Object.fromEntries(
    members.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, normalized(member)]),
  );
}

function isAbsent(member: unknown): boolean {
  return member == null || member === false || (Array.isArray(member) && member.length === 0);
}
