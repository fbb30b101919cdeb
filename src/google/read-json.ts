/**
 * Reads a response body that must be one JSON object.
 * @returns null for anything else: no JSON, an array, null, or a member that is there twice (RFC 6749 section 3.2
 * forbids that, and which of two values is meant is unknown)
 */
export function readJsonObject(text: string): Readonly<Record<string, unknown>> | null {
  // RFC 8259 section 8.1: a byte order mark may be ignored.
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text;
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    // The parser's own message would quote the body.
    return null;
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return null;
  return hasRepeatedMember(body) ? null : (json as Record<string, unknown>);
}

/** Only of the outermost object, and only for text that is valid JSON. */
function hasRepeatedMember(json: string): boolean {
  const names = new Set<unknown>();
  let depth = 0;
  for (const { 0: token, index } of json.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (depth === 1 && /^\s*:/.test(json.slice(index + token.length, index + token.length + 100))) {
      const name: unknown = JSON.parse(token);
      if (names.has(name)) return true;
      names.add(name);
    }
  }
  return false;
}
