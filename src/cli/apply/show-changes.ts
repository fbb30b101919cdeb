/*
 * Changes as a person reads them, and as JSON. Owns the text: values are quoted, so that none can pass for another line. Does not own
 * what is shown of the address of a webhook (domain/webhook/).
 */
import { quotedText } from '../../domain/text.js';
import { shownAddress } from '../../domain/webhook/webhook.js';
import type { FieldChange, FieldValue, Section } from '../../declarations/declaration.js';
import type { ItemChange } from '../../declarations/plan-declaration.js';

const SIGNS = { create: '+', change: '~', remove: '-' } as const;

/** Section by section; an item has a line, and one for each field that changes. */
export function changesInText(changes: readonly ItemChange[]): string {
  const sections = [...new Set(changes.map(({ section }) => section))];
  return sections
    .map((section) =>
      [
        section,
        ...changes.filter((change) => change.section === section).flatMap((change) => linesOf(change)),
      ].join('\n'),
    )
    .join('\n\n');
}

function linesOf({ section, name, action, fields, rotates }: ItemChange): string[] {
  const what = action === 'remove' ? [section === 'services' ? ' (is revoked)' : ' (is deleted)'] : [];
  return [
    `  ${SIGNS[action]} ${quotedText(name)}${what.join('')}`,
    ...(action === 'remove'
      ? []
      : [...fields, ...unfilteredOf(section, action, fields)].map(
          (field) => `      ${lineOf(section, field, action === 'create')}`,
        )),
    ...(rotates ? ['      secret: another one, from the environment; the one before signs for a day'] : []),
  ];
}

function lineOf(section: Section, { field, before, after }: FieldChange, isNew: boolean): string {
  if (section === 'webhooks' && field === 'url') {
    const [from, to] = [addressOf(before), addressOf(after)];
    return isNew ? `url: ${to}` : `url: ${from} -> ${to}${from === to ? ' (another path)' : ''}`;
  }
  if (section === 'webhooks' && FILTERS.has(field) && isEmpty(after)) {
    const all = `all ${field === 'services' ? 'grants' : 'events'}`;
    return isNew ? `${field}: ${all}` : `${field}: ${shown(before)} -> ${all}`;
  }
  if (isNew) return `${field}: ${shown(after)}`;
  if (!Array.isArray(before) && !Array.isArray(after)) return `${field}: ${shown(before)} -> ${shown(after)}`;
  if (section === 'webhooks' && FILTERS.has(field) && isEmpty(before))
    return `${field}: all -> ${shown(after)}`;
  const [had, has] = [before, after].map((list) => (Array.isArray(list) ? (list as string[]) : []));
  const added = (has ?? []).filter((each) => !had?.includes(each)).map((each) => `+${quotedText(each)}`);
  const removed = (had ?? []).filter((each) => !has?.includes(each)).map((each) => `-${quotedText(each)}`);
  return `${field}: ${[...added, ...removed].join(' ')}`;
}

/** Of a webhook: without one, all are sent. */
const FILTERS: ReadonlySet<string> = new Set(['events', 'services']);

function isEmpty(value: FieldValue): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}

/** A new webhook without a filter has no field that says so. */
function unfilteredOf(section: Section, action: ItemChange['action'], fields: readonly FieldChange[]) {
  if (section !== 'webhooks' || action !== 'create') return [];
  return [...FILTERS]
    .filter((filter) => fields.every(({ field }) => field !== filter))
    .map((field): FieldChange => ({ field, before: null, after: null }));
}

function shown(value: FieldValue): string {
  if (value === null) return '(none)';
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return value.map(quotedText).join(' ');
  // The image itself says nothing.
  const [, type] = /^data:([^;]*);/.exec(value) ?? [];
  return type === undefined
    ? quotedText(value)
    : `${quotedText(type)}, ${Math.floor((value.length * 3) / 4)} bytes`;
}

function addressOf(url: FieldValue): string {
  const shown = typeof url === 'string' ? shownAddress({ url }) : null;
  return shown === null ? '(none)' : `${shown}/…`;
}

/** As `--json` prints them. */
export function changesAsJson(changes: readonly ItemChange[]): object[] {
  return changes.map(({ section, name, action, fields, rotates = false }) => ({
    section,
    name,
    action,
    fields: fields.map(({ field, before, after }) =>
      section === 'webhooks' && field === 'url'
        ? { field, before: before && addressOf(before), after: after && addressOf(after) }
        : { field, before, after },
    ),
    ...(section === 'webhooks' ? { rotates_secret: rotates } : {}),
  }));
}
