/** An endpoint's HTTP response, independent of any web framework. */
export interface EndpointResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const notStored = { 'cache-control': 'no-cache, no-store, max-age=0, must-revalidate', pragma: 'no-cache' };

export const json = (
  status: number,
  body: object,
  headers: Record<string, string> = {},
): EndpointResponse => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...notStored, ...headers },
  body: JSON.stringify(body, null, 2),
});

export const html = (
  status: number,
  body: string,
  headers: Record<string, string> = {},
): EndpointResponse => ({
  status,
  headers: { 'content-type': 'text/html; charset=utf-8', ...notStored, ...headers },
  body,
});

export function redirect(to: string, parameters: Record<string, string | undefined>): EndpointResponse {
  const location = new URL(to);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) location.searchParams.append(name, value);
  }
  return { status: 302, headers: { location: location.href, ...notStored }, body: '' };
}
