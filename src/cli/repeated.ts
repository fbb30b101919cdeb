/** Parses an option that may be given several times: each one adds a value. */
export function repeated(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
