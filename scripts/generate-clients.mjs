// `npm run generate:clients`: writes clients/openapi.json, and the parts of the clients that follow from it. The document
// comes from the compiled broker, which is not started. test/http/openapi.test.ts holds the files against a running one.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import openapiTS, { astToString } from 'openapi-typescript';

const ROOT = join(import.meta.dirname, '..');
const PYTHON = 'clients/python/token_broker.py';

/** @returns the text of each file by its path */
export async function filesOf(document) {
  // The client for Node.js uses the schemas only.
  const types = await openapiTS({ ...document, paths: {}, webhooks: {} }, { defaultNonNullable: false });
  return {
    'clients/openapi.json': `${JSON.stringify(document, null, 2)}\n`,
    'clients/typescript/src/api.ts': `/** Generated from openapi.json by \`npm run generate:clients\`. */\n${astToString(types)}${webhookType(document)}`,
    [PYTHON]: readFileSync(join(ROOT, PYTHON), 'utf8').replace(
      /(?<=by `npm run generate:clients`\.\n)[^]*?(?=\n# End of what is generated)/,
      pythonCodes(document.components.schemas.ProblemCode.enum),
    ),
  };
}

function webhookType({ webhooks }) {
  const names = Object.values(webhooks).map(({ post }) =>
    post.requestBody.content['application/json'].schema.$ref.split('/').at(-1),
  );
  return (
    ['export type WebhookBody =', ...names.map((name) => `    | components["schemas"]["${name}"]`)].join(
      '\n',
    ) + ';\n'
  );
}

function pythonCodes(codes) {
  return ['ProblemCode = Literal[', ...codes.map((code) => `    "${code}",`), ']'].join('\n');
}

async function readDocument() {
  await import('reflect-metadata');
  const { NestFactory } = await import('@nestjs/core');
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  const { AppModule } = await import('../dist/src/app.module.js');
  const { describeApi } = await import('../dist/src/http/openapi-document.js');
  const { WEBHOOKS } = await import('../dist/src/webhooks/webhook-openapi.js');
  // A preview makes no provider: no setting is read, and nothing is connected to.
  const options = { preview: true, logger: false };
  const app = await NestFactory.create(AppModule.with({ logLevel: 'silent' }), new FastifyAdapter(), options);
  return JSON.parse(JSON.stringify(describeApi(app, WEBHOOKS)));
}

if (import.meta.main) {
  const files = await filesOf(await readDocument());
  for (const [path, text] of Object.entries(files)) writeFileSync(join(ROOT, path), text);
}
