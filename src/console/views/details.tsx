import type { AuditDetail } from '../../domain/audit-entry.js';

/** The details of an audit event, those that say something. */
export function Details({ details }: { readonly details: Readonly<Record<string, AuditDetail>> }) {
  const known = Object.entries(details).filter(([, value]) => value !== null && String(value) !== '');
  if (known.length === 0) return null;
  return (
    <div class="soft small">
      {known
        .map(
          ([name, value]) =>
            `${name.replaceAll('_', ' ')}: ${Array.isArray(value) ? value.join(' ') : String(value)}`,
        )
        .join(' · ')}
    </div>
  );
}
