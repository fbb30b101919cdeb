import { getMetadataStorage } from 'class-validator';

const PAGE_QUERIES = new WeakSet<object>();

/**
 * Of the query of a page that a person opens: mail programs and social networks add parameters of their own to its link
 * (`utm_source`, `fbclid`). They are dropped before anything is checked. What services send is refused, as a likely typo.
 */
export function IgnoreUnknown(): ClassDecorator {
  return (dto) => {
    PAGE_QUERIES.add(dto);
  };
}

/** @returns what the DTO declares of it; all of it where the DTO is not one of these */
export function withoutIgnored(value: unknown, dto: object | undefined): unknown {
  if (dto === undefined || !PAGE_QUERIES.has(dto) || typeof value !== 'object' || value === null)
    return value;
  const known = declaredBy(dto);
  return Object.fromEntries(Object.entries(value).filter(([name]) => known.has(name)));
}

/** The members that a DTO has. */
export function declaredBy(dto: object): ReadonlySet<string> {
  const rules = getMetadataStorage().getTargetValidationMetadatas(dto as () => unknown, '', true, false);
  return new Set(rules.map(({ propertyName }) => propertyName));
}
