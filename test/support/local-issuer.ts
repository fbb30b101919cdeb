/**
 * An issuer of JWTs as a cluster, Google or SPIRE is one: keys, a discovery document and a key set over HTTP. The test
 * owns it, and makes good tokens and bad ones with it.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';

export class SigningKey {
  private constructor(
    readonly alg: string,
    readonly kid: string,
    readonly privateKey: CryptoKey,
    readonly publicJwk: JWK,
  ) {}

  static async make(kid: string, alg = 'RS256', more: Partial<JWK> = {}): Promise<SigningKey> {
    const { privateKey, publicKey } = await generateKeyPair(alg);
    return new SigningKey(alg, kid, privateKey, { ...(await exportJWK(publicKey)), kid, ...more });
  }

  /** @param header what differs; `undefined` leaves a field out */
  sign(claims: JWTPayload, header: Record<string, unknown> = {}): Promise<string> {
    const protectedHeader = { alg: this.alg, kid: this.kid, ...header };
    return new SignJWT(claims)
      .setProtectedHeader(protectedHeader)
      .sign(this.privateKey, { crit: { x: true } });
  }
}

export class LocalIssuer {
  keys: JWK[] = [];
  isDown = false;
  /** Where the keys are. */
  movedTo = '/keys';
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  /** Of the discovery document, what differs. */
  discovery: Record<string, unknown> = {};

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<LocalIssuer> {
    const server = createServer((request, response) => {
      issuer.asked.push(request.url ?? '');
      const body = issuer.#bodyAt(request.url ?? '');
      response.writeHead(issuer.isDown ? 500 : body ? 200 : 404, { 'content-type': 'application/json' });
      response.end(issuer.isDown ? 'broken' : JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const issuer = new LocalIssuer(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return issuer;
  }

  get jwksUri(): string {
    return `${this.url}${this.movedTo}`;
  }

  #bodyAt(path: string): object | null {
    if (path === this.movedTo) return { keys: this.keys };
    if (path !== '/.well-known/openid-configuration') return null;
    return { issuer: this.url, jwks_uri: this.jwksUri, ...this.discovery };
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) =>
      this.server.close(() => {
        resolve();
      }),
    );
  }
}
