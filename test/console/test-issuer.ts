/** An OpenID Connect issuer whose id_tokens say what a test wants, rightly signed. It asks the browser nothing. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

type Claims = Readonly<Record<string, unknown>>;

export interface TestIssuer {
  readonly url: string;
  /** What the next id_tokens say, besides or in the place of the usual; undefined removes a claim. */
  claims: Claims;
  /** Signs the next id_tokens with a key that it does not publish. */
  forges: boolean;
  /** The forms that the token endpoint got. */
  readonly exchanges: URLSearchParams[];
  close(): Promise<void>;
}

export async function startTestIssuer(clientId: string, now: () => Date): Promise<TestIssuer> {
  const [own, other] = [await generateKeyPair('ES256'), await generateKeyPair('ES256')];
  const jwk = { ...(await exportJWK(own.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  const nonces = new Map<string, string>();
  const server = createServer((request, response) => void respond(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer: TestIssuer = {
    url,
    claims: {},
    forges: false,
    exchanges: [],
    close: () =>
      new Promise((resolve) =>
        server.close(() => {
          resolve();
        }),
      ),
  };

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', url);
    if (pathname === '/.well-known/openid-configuration') {
      json(response, {
        issuer: url,
        authorization_endpoint: `${url}/authorize`,
        token_endpoint: `${url}/token`,
        jwks_uri: `${url}/jwks`,
        id_token_signing_alg_values_supported: ['ES256'],
      });
    } else if (pathname === '/jwks') json(response, { keys: [jwk] });
    else if (pathname === '/authorize') {
      const code = `code-${nonces.size}`;
      nonces.set(code, searchParams.get('nonce') ?? '');
      const back = new URL(searchParams.get('redirect_uri') ?? '');
      back.search = new URLSearchParams({ code, state: searchParams.get('state') ?? '' }).toString();
      response.writeHead(302, { location: back.href }).end();
    } else if (pathname === '/token') {
      const form = new URLSearchParams(await bodyOf(request));
      issuer.exchanges.push(form);
      const at = Math.floor(now().getTime() / 1000);
      const claims = {
        iss: url,
        aud: clientId,
        sub: 'someone',
        iat: at,
        exp: at + 600,
        nonce: nonces.get(form.get('code') ?? ''),
        ...issuer.claims,
      };
      const key = (issuer.forges ? other : own).privateKey;
      const idToken = await new SignJWT(JSON.parse(JSON.stringify(claims)) as Record<string, unknown>)
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .sign(key);
      json(response, { access_token: 'a', token_type: 'Bearer', id_token: idToken });
    } else response.writeHead(404).end();
  }
  return issuer;
}

function json(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
