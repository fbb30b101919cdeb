/**
 * The OpenAPI document: clean for generators and linters, with examples that work when they are sent, and the same as the files
 * in clients/ that are made of it. That every answer is as described is checked with each call of a test (support/contract.ts).
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { PROBLEMS } from '../../src/http/problem/problem-table.js';
import type { Api } from '../support/api.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: {
    readonly default?: unknown;
    readonly enum?: readonly string[];
    readonly example?: unknown;
  };
  readonly example?: unknown;
}

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly security: readonly object[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly content: Record<
      string,
      {
        readonly examples?: Record<string, { value: unknown }>;
        readonly example?: unknown;
        readonly schema: {
          readonly $ref?: string;
          readonly required?: readonly string[];
          readonly properties?: Record<string, Parameter['schema']>;
        };
      }
    >;
  };
}

interface Document {
  readonly openapi: string;
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly webhooks: Record<string, { readonly post: Operation }>;
  readonly components: {
    readonly schemas: Record<
      string,
      {
        readonly enum?: string[];
        readonly required?: string[];
        readonly properties?: Record<string, unknown>;
      }
    >;
  };
}

let bed: TestBed;
let api: Api;
let document: Document;
let operations: readonly (Operation & { readonly path: string; readonly method: string })[];

beforeAll(async () => {
  bed = await startTestBed();
  api = await bed.service({ import: true, audit: true });
  document = (await (await fetch(`${bed.url}/openapi.json`)).json()) as Document;
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...operation,
      path,
      method: method.toUpperCase(),
    })),
  );
});
afterAll(() => bed.stop());

describe('the OpenAPI document', () => {
  test('has no fault that a linter finds', async () => {
    const config = await createConfig({
      extends: ['recommended'],
      rules: {
        // What load balancers and Prometheus read refuses nothing.
        'operation-4xx-response': 'off',
        // Two fixed parts and an id: `/grants/import` and `/grants/{id}`: the router prefers the fixed one.
        'no-ambiguous-paths': 'off',
      },
    });
    const problems = await lintFromString({ source: JSON.stringify(document), config });
    expect(problems.map(({ ruleId, message, location: [at] }) => [ruleId, message, at?.pointer])).toEqual([]);
  });

  test('names each operation as a person would, once', () => {
    const ids = [...operations, ...Object.values(document.webhooks).map(({ post }) => post)].map(
      ({ operationId }) => operationId,
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z]+([A-Z][a-z]+)+$/.test(id) || id.includes('Controller'))).toEqual([]);
    expect(ids).toEqual(expect.arrayContaining(['getToken', 'createConnectTicket', 'listGrants']));
  });

  test('has a named problem, whose codes are those of the broker', () => {
    expect(document.components.schemas['ProblemCode']?.enum).toEqual(Object.keys(PROBLEMS));
    const described = operations.map((operation) => JSON.stringify(operation));
    for (const text of described) {
      expect(text.split('"application/problem+json"').length).toBe(
        text.split('"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}').length,
      );
    }
  });

  test('requires no member of a body that may be left out', () => {
    const required = (name: string) => document.components.schemas[name]?.required;
    expect(required('ConnectTicketDto')).toEqual(['user_id']);
    expect(required('ImportGrantsDto')).toEqual(['grants']);
    expect(required('TokenResponse')).not.toContain('headers');
  });

  test('says of each operation who may call it, and in which of the described groups it is', () => {
    const groups = document.tags.map(({ name }) => name);
    for (const { security, tags } of operations) {
      expect(security.length).toBeLessThanOrEqual(1);
      expect(tags.filter((tag) => !groups.includes(tag))).toEqual([]);
    }
    const open = operations.filter(({ security }) => security.length === 0).map(({ path }) => path);
    expect(open).toEqual(expect.arrayContaining(['/health/live', '/metrics', '/security-events/google']));
    expect(open).not.toContain('/tokens/{userId}');
  });

  test('has the payload of each webhook, with an example', () => {
    expect(document.openapi).toBe('3.1.0');
    for (const [type, { post }] of Object.entries(document.webhooks)) {
      expect(post.requestBody?.content['application/json']?.example).toMatchObject({ type });
    }
  });
});

describe('what /docs fills in', () => {
  beforeAll(async () => {
    await api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  });

  /** Refused with any body: there is no code of a connect that is under way. */
  const REFUSED: Readonly<Record<string, number>> = { completeConnect: 400 };

  test('works when a body is sent as it stands', async () => {
    const sent = [];
    for (const { path, method, operationId, requestBody, security } of operations) {
      const json = requestBody?.content['application/json'];
      if (method !== 'POST' || !json || security.length === 0) continue;
      const values = Object.values(json.examples ?? {}).map(({ value }) => value);
      expect({ operationId, examples: values.length > 0 }).toEqual({ operationId, examples: true });
      for (const value of values) {
        const { status, text } = await api.post(path, value);
        const isExpected =
          status === (REFUSED[operationId] ?? status) && (status < 300 || operationId in REFUSED);
        sent.push(isExpected ? operationId : `${operationId}: ${text}`);
      }
    }
    expect(sent).toEqual(expect.arrayContaining(['createConnectTicket', 'importGrants', 'completeConnect']));
    expect(sent.filter((line) => line.includes(': '))).toEqual([]);
  });

  test('gets the same answer with null for a member that may be left out, as JSON writers have it', async () => {
    const differing: string[] = [];
    const sent = new Set<string>();
    for (const { path, operationId, requestBody } of operations) {
      const json = requestBody?.content['application/json'];
      const schema = document.components.schemas[json?.schema.$ref?.split('/').at(-1) ?? ''];
      if (!json || !schema) continue;
      const optional = Object.keys(schema.properties ?? {}).filter(
        (name) => schema.required?.includes(name) !== true,
      );
      for (const { value } of Object.values(json.examples ?? {})) {
        for (const name of optional) {
          const { [name]: _left, ...without } = value as Record<string, unknown>;
          const [leftOut, isNull] = [
            await api.post(path, without),
            await api.post(path, { ...without, [name]: null }),
          ];
          sent.add(operationId);
          const [expected, got] = [leftOut, isNull].map(({ status, body }) => `${status} ${essence(body)}`);
          if (got !== expected) differing.push(`${operationId} ${name}: ${got}, not ${expected}`);
        }
      }
    }
    expect([...sent].sort()).toEqual(['createConnectTicket', 'createDelegatedCredential', 'importGrants']);
    expect(differing).toEqual([]);
  });

  test('works when the form of the token endpoint is sent as it stands, with a service key', async () => {
    const exchange = operations.find(({ operationId }) => operationId === 'exchangeToken');
    const { properties = {}, required = [] } =
      exchange?.requestBody?.content['application/x-www-form-urlencoded']?.schema ?? {};
    const form = new URLSearchParams({ subject_token: api.key });
    for (const [name, schema] of Object.entries(properties)) {
      const value = filledIn({ name, in: 'form', required: required.includes(name), schema });
      if (value !== null) form.append(name, value);
    }
    const response = await fetch(`${bed.url}${exchange?.path}`, { method: 'POST', body: form });
    expect(await response.json()).toMatchObject({
      token_type: 'Bearer',
      scope: expect.stringContaining(YOUTUBE),
    });
  });

  test('holds no example for a parameter that may be left out, because it would be sent', () => {
    const filled = operations.flatMap(({ operationId, parameters = [] }) =>
      parameters
        .filter(({ required, example, schema }) => !required && (example ?? schema.example) !== undefined)
        .map(({ name }) => `${operationId} ${name}`),
    );
    expect(filled).toEqual([]);
  });

  test('works when a read is sent with its examples and defaults', async () => {
    const sent = [];
    for (const { path, method, parameters = [], security } of operations) {
      if (method !== 'GET' || security.length === 0) continue;
      // The id of a grant or ticket is for the reader to fill in; Google Ads is not connected here.
      if (/^\/(grants|connect\/tickets)\/\{id\}$/.test(path) || path.includes('/ads/')) continue;
      const filled = parameters.map((parameter) => [parameter, filledIn(parameter)] as const);
      const address = filled.reduce(
        (text, [{ name }, value]) => text.replace(`{${name}}`, value ?? ''),
        path,
      );
      const filledAt = (where: string) =>
        Object.fromEntries(
          filled.flatMap(([{ name, in: place }, value]) =>
            place === where && value !== null ? [[name, value] as const] : [],
          ),
        );
      const { status, text } = await api.get(address, filledAt('query'), filledAt('header'));
      sent.push(status === 200 ? path : `${path}: ${text}`);
    }
    expect(sent).toEqual(
      expect.arrayContaining(['/tokens/{userId}', '/authz', '/users/{userId}/grants', '/grants', '/audit']),
    );
    expect(sent.filter((line) => line.includes(': '))).toEqual([]);
  });
});

/** Without what is another one in each response; of times, the day. */
function essence(body: Record<string, unknown>): string {
  const isOwn = (name: string) => ['id', 'connect_url', 'request_id', 'credential'].includes(name);
  return JSON.stringify(body, (name, value: unknown) =>
    isOwn(name) ? '' : typeof value === 'string' ? value.replace(/T\d\d:.*Z$/, '') : value,
  );
}

/** As Swagger UI does. */
function filledIn({ required, schema, example }: Parameter): string | null {
  const value = example ?? schema.example ?? schema.default ?? (required ? schema.enum?.[0] : undefined);
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}

test('the files in clients/ follow from what the broker serves (npm run generate:clients)', async () => {
  const { filesOf } = (await import(resolve('scripts/generate-clients.mjs'))) as {
    filesOf: (document: Document) => Promise<Record<string, string>>;
  };
  // Only what is served names the address of the broker.
  const anywhere = JSON.parse(
    JSON.stringify(document).replaceAll(bed.url, 'https://broker.example.com'),
  ) as Document;
  for (const [path, text] of Object.entries(await filesOf(anywhere))) {
    expect({ path, text: readFileSync(path, 'utf8') }).toEqual({ path, text });
  }
});
