import type { INestApplicationContext } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { PROBLEM_SCHEMAS } from './problem/problem-schema.js';

/** What the broker sends to the app (OpenAPI 3.1), and the schemas that it refers to. */
export interface DescribedWebhooks {
  readonly webhooks: NonNullable<OpenAPIObject['webhooks']>;
  readonly schemas: Readonly<Record<string, object>>;
}

/** Stands in examples for the address of the broker. */
const EXAMPLE_ORIGIN = 'https://broker.example.com';

const TAGS = {
  tokens: 'Access tokens of users',
  connect: 'Links that take a user to Google and back',
  'delegated credentials': 'Handles for one user of a service, which client libraries take as refresh tokens',
  grants: 'What users have connected: look, import, disconnect',
  'google ads': 'Which Google Ads accounts a user reaches',
  audit: 'Who did what',
  webhooks: 'What the broker sends to your app, signed as Standard Webhooks (docs/webhooks.md)',
  'security events': 'What Google sends to the broker',
  operations: 'Health and metrics of one replica',
};

/**
 * The OpenAPI document. Owns what is true of all of it: version, security, tags, the form of schemas. Does not own what a
 * route says about itself (its controller and DTOs, openapi.ts for refusals) nor the events (webhooks/webhook-openapi.ts).
 */
export function describeApi(
  app: INestApplicationContext,
  { webhooks, schemas }: DescribedWebhooks,
): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Token broker')
    .setDescription("Keeps users' Google OAuth 2.0 grants and hands services fresh access tokens.")
    .setVersion('1')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    // Relative to the document: each deployment has its own address.
    .addServer('/')
    .addBearerAuth({
      type: 'http',
      scheme: 'bearer',
      description: "A service key (tbk_...), or a workload's JWT",
    });
  for (const [name, description] of Object.entries(TAGS)) builder.addTag(name, description);
  const document = SwaggerModule.createDocument(app as NestFastifyApplication, builder.build());
  Object.assign(((document.components ??= {}).schemas ??= {}), PROBLEM_SCHEMAS, schemas);
  document.webhooks = webhooks;
  for (const path of Object.values(document.paths)) {
    for (const operation of Object.values(path) as { security?: object[] }[]) operation.security ??= [];
  }
  return withIntegers(document) as OpenAPIObject;
}

/** Serves /openapi.json, and /docs with Swagger UI; their examples name this broker. */
export function serveOpenApi(
  app: NestFastifyApplication,
  webhooks: DescribedWebhooks,
  publicUrl: string,
): void {
  // Created at the first request, which few processes ever get.
  let cached: string | null = null;
  const json = () =>
    (cached ??= JSON.stringify(describeApi(app, webhooks)).replaceAll(EXAMPLE_ORIGIN, publicUrl));
  SwaggerModule.setup('docs', app, () => JSON.parse(json()) as OpenAPIObject, { raw: false });
  app
    .getHttpAdapter()
    .getInstance()
    .get('/openapi.json', (_request, reply) => {
      void reply.type('application/json; charset=utf-8').send(json());
    });
}

/** No number of the API is a fraction: generators for typed languages need to know. */
function withIntegers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withIntegers);
  if (typeof value !== 'object' || value === null) return value;
  const schema = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withIntegers(inner)]));
  return schema['type'] === 'number' ? { ...schema, type: 'integer' } : schema;
}
