/**
 * The API's own description, held against every response that any test gets: an undocumented endpoint, status, member
 * or type fails the test that met it.
 */
import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';

type Json = Record<string, unknown>;

interface Document {
  readonly paths: Record<
    string,
    Record<string, { responses?: Record<string, { content?: Record<string, { schema?: Json }> }> }>
  >;
  readonly components: { readonly schemas: Record<string, Json> };
  readonly webhooks: Record<
    string,
    { post: { requestBody: { content: { 'application/json': { schema: Json } } } } }
  >;
}

/** By the URL of a broker. */
const documents = new Map<string, Promise<Contract>>();
/** By their text. Brokers of one worker have the same, and its schemas take long to compile. */
const contracts = new Map<string, Contract>();

export function contractOf(url: string): Promise<Contract> {
  const known = documents.get(url);
  if (known) return known;
  const read = fetch(new URL('/openapi.json', url))
    .then((response) => response.text())
    .then((document) => {
      // Its examples name the broker.
      const text = document.replaceAll(new URL(url).origin, 'https://broker.example');
      const contract = contracts.get(text) ?? new Contract(JSON.parse(text) as Document);
      contracts.set(text, contract);
      return contract;
    });
  documents.set(url, read);
  return read;
}

export class Contract {
  readonly #ajv = new Ajv({ strict: false, allErrors: true });
  readonly #routes: { readonly pattern: RegExp; readonly path: string }[];
  readonly #checks = new Map<string, ValidateFunction | null>();

  constructor(private readonly document: Document) {
    formats.default(this.#ajv);
    this.#ajv.addSchema({ $id: 'api', components: tighten(document.components) });
    // A path without parameters comes first, as in the router.
    const paths = Object.keys(document.paths).sort(
      (a, b) => Number(a.includes('{')) - Number(b.includes('{')),
    );
    this.#routes = paths.map((path) => ({
      path,
      pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`),
    }));
  }

  /** @throws when the response is not as described */
  check(method: string, pathname: string, status: number, contentType: string | null, body: unknown): void {
    // Nothing is served there: that is not part of the description.
    const route = this.#routes.find(({ pattern }) => pattern.test(pathname));
    if (!route) return;
    const type = (contentType ?? '').split(';', 1)[0] ?? '';
    const name = `${method} ${route.path} ${status} ${type}`;
    const check = this.#checkOf(name, route.path, method.toLowerCase(), String(status), type);
    if (check === null) throw new Error(`OpenAPI does not describe ${name}.`);
    if (!check(body)) {
      throw new Error(`${name} is not as OpenAPI describes it: ${this.#ajv.errorsText(check.errors)}`);
    }
  }

  /** @throws when a payload is not as described */
  checkWebhook(payload: { readonly type: string }): void {
    const { type } = payload;
    const described = this.document.webhooks[type];
    if (!described) throw new Error(`OpenAPI does not describe the webhook ${type}.`);
    const { schema } = described.post.requestBody.content['application/json'];
    const check = this.#checks.get(type) ?? this.#ajv.compile(tighten(schema) as Json);
    this.#checks.set(type, check);
    if (check(payload)) return;
    throw new Error(`${type} is not as OpenAPI describes it: ${this.#ajv.errorsText(check.errors)}`);
  }

  #checkOf(
    name: string,
    path: string,
    method: string,
    status: string,
    type: string,
  ): ValidateFunction | null {
    const known = this.#checks.get(name);
    if (known !== undefined) return known;
    const response = this.document.paths[path]?.[method]?.responses?.[status];
    const schema = response?.content?.[type]?.schema;
    const isEmpty = response !== undefined && response.content === undefined && type === '';
    const check = schema || isEmpty ? this.#ajv.compile(tighten(schema ?? {}) as Json) : null;
    this.#checks.set(name, check);
    return check;
  }
}

/** OpenAPI 3.1 is JSON Schema; here stricter: a member that is not described is a fault. */
function tighten(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tighten);
  if (typeof value !== 'object' || value === null) return value;
  const schema = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, tighten(inner)]));
  if (typeof schema['$ref'] === 'string') schema['$ref'] = schema['$ref'].replace('#/', 'api#/');
  if (schema['type'] === 'object' && schema['properties'] && !('additionalProperties' in schema)) {
    schema['additionalProperties'] = false;
  }
  return schema;
}
