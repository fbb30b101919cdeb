// better-auth's own server for one user with a connected Google account, as its documentation sets it up: PostgreSQL,
// encrypted tokens, rate limits off. measures/better-auth.ts copies it to where better-auth is installed, and runs it there.
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { setTokenUtil } from 'better-auth/oauth2';
import pg from 'pg';

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address();
const origin = `http://127.0.0.1:${port}`;

const auth = betterAuth({
  baseURL: origin,
  secret: randomBytes(32).toString('base64url'),
  // As many connections as the broker has.
  database: new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 }),
  emailAndPassword: { enabled: true },
  socialProviders: { google: { clientId: 'bench', clientSecret: 'bench' } },
  account: { encryptOAuthTokens: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { disabled: true },
});
const { runMigrations } = await getMigrations(auth.options);
await runMigrations();

const body = { email: 'alice@example.com', password: randomUUID(), name: 'Alice Example' };
const { headers, response } = await auth.api.signUpEmail({ body, returnHeaders: true });
const context = await auth.$context;
const account = await context.internalAdapter.createAccount({
  userId: response.user.id,
  providerId: 'google',
  accountId: '103400000000000000001',
  accessToken: await setTokenUtil(`ya29.${'a'.repeat(160)}${randomUUID()}`, context),
  refreshToken: await setTokenUtil(`1//${'a'.repeat(100)}`, context),
  accessTokenExpiresAt: new Date(Date.now() + 3500_000),
  scope: 'https://www.googleapis.com/auth/yt-analytics.readonly',
});

server.on('request', toNodeHandler(auth));
const cookie = headers
  .getSetCookie()
  .map((each) => each.split(';')[0])
  .join('; ');
process.send({ port, cookie, accountId: account.id });
process.on('disconnect', () => process.exit());
