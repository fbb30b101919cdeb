import type { AuditDetail } from '../../domain/audit-entry.js';

/** Of most of Google's scopes: what differs is what follows. */
const SCOPE_PREFIX = 'https://www.googleapis.com/auth/';

/** The details of an audit event, those that say something. */
export function Details({ details }: { readonly details: Readonly<Record<string, AuditDetail>> }) {
  const known = Object.entries(details).filter(
    ([, value]) => value !== null && value !== false && String(value) !== '',
  );
  if (known.length === 0) return null;
  return (
    <dl class="details soft small">
      {known.map(([name, value]) => (
        <div>
          <dt>{name.replaceAll('_', ' ')}</dt>
          <dd>{textOf(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function textOf(value: AuditDetail): string {
  const values = Array.isArray(value) ? (value as readonly string[]) : [String(value)];
  return values
    .map((each) => (each.startsWith(SCOPE_PREFIX) ? each.slice(SCOPE_PREFIX.length) : each))
    .join(', ');
}
