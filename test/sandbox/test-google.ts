/** A stand-in with two projects, two users and a clock, and Google's own library that uses it. */
import { OAuth2Client } from 'google-auth-library';
import {
  type StandIn,
  type StandInClient,
  type StandInOptions,
  startStandIn,
} from '../../sandbox/google/stand-in.js';
import { type Choice, visitConsent } from '../support/visit-consent.js';

export const ytAnalytics = 'https://www.googleapis.com/auth/yt-analytics.readonly';
export const adwords = 'https://www.googleapis.com/auth/adwords';
export const calendar = 'https://www.googleapis.com/auth/calendar.readonly';
export const userinfoEmail = 'https://www.googleapis.com/auth/userinfo.email';
export const userinfoProfile = 'https://www.googleapis.com/auth/userinfo.profile';

export const redirectUri = 'https://broker.example.com/callback';
export const ada = { sub: '103401', email: 'ada@example.com', name: 'Ada Lovelace', hd: 'example.com' };
export const ben = { sub: '103402', email: 'ben@gmail.com', name: 'Ben <Franklin>' };

const webClient = (name: string, projectId: string): StandInClient => ({
  clientId: `${name}.apps.googleusercontent.com`,
  clientSecret: `GOCSPX-${name}-secret`,
  projectId,
  kind: 'web',
  redirectUris: [redirectUri],
  appName: 'Channel Insights',
});
export const web = webClient('web', 'insights');
export const sibling = webClient('sibling', 'insights');
export const stranger = webClient('stranger', 'elsewhere');
export const desktop: StandInClient = {
  ...webClient('desktop', 'insights'),
  kind: 'installed',
  redirectUris: ['http://localhost'],
};

export const seconds = 1000;
export const minutes = 60 * seconds;
export const hours = 60 * minutes;
export const days = 24 * hours;

export interface TestGoogle extends StandIn {
  turnClock(ms: number): void;
  /** Google's own client, sending each request once. */
  library(client?: StandInClient): OAuth2Client;
  authorizationUrl(parameters?: Record<string, string | undefined>): string;
  /** Consent and code exchange in one call, offline by default. */
  connect(parameters?: Record<string, string | undefined>, choice?: Partial<Choice>): Promise<StandInToken>;
  exchange(code: string, parameters?: Record<string, string | undefined>): Promise<PostResponse>;
  refresh(
    refreshToken: string | undefined,
    parameters?: Record<string, string | undefined>,
  ): Promise<PostResponse>;
  post(
    path: string,
    parameters: Record<string, string | undefined>,
    headers?: Record<string, string>,
  ): Promise<PostResponse>;
  /** Whether an access token is valid. */
  opens(accessToken: string): Promise<boolean>;
}

interface StandInToken {
  access_token: string;
  expires_in: number;
  scope: string;
  token_type: string;
  refresh_token?: string;
  refresh_token_expires_in?: number;
  id_token?: string;
}

interface PostResponse {
  status: number;
  body: StandInToken & { error?: string; error_description?: string; error_subtype?: string };
}

export async function startGoogle(options: Partial<StandInOptions> = {}): Promise<TestGoogle> {
  let turned = 0;
  const google = await startStandIn({
    clients: [web, sibling, stranger, desktop],
    accounts: [ada, ben],
    now: () => new Date(Date.now() + turned),
    ...options,
  });

  const authorizationUrl: TestGoogle['authorizationUrl'] = (parameters) => {
    const url = new URL('/o/oauth2/v2/auth', google.url);
    const all: Record<string, string | undefined> = {
      client_id: web.clientId,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: ytAnalytics,
      state: 'a state',
      access_type: 'offline',
      ...parameters,
    };
    for (const [name, value] of Object.entries(all))
      if (value !== undefined) url.searchParams.set(name, value);
    return url.href;
  };

  const post: TestGoogle['post'] = async (path, parameters, headers = {}) => {
    const given = Object.entries(parameters).filter(
      (pair): pair is [string, string] => pair[1] !== undefined,
    );
    const response = await fetch(google.url + path, {
      method: 'POST',
      body: new URLSearchParams(given),
      headers,
    });
    return { status: response.status, body: (await response.json()) as PostResponse['body'] };
  };

  const exchange: TestGoogle['exchange'] = (code, parameters) =>
    post('/token', {
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      client_id: web.clientId,
      client_secret: web.clientSecret,
      ...parameters,
    });

  return {
    ...google,
    turnClock: (ms) => {
      turned += ms;
    },
    library: (client = web) =>
      new OAuth2Client({
        clientId: client.clientId,
        clientSecret: client.clientSecret,
        redirectUri,
        issuers: [google.url],
        endpoints: {
          oauth2AuthBaseUrl: `${google.url}/o/oauth2/v2/auth`,
          oauth2TokenUrl: `${google.url}/token`,
          oauth2RevokeUrl: `${google.url}/revoke`,
          tokenInfoUrl: `${google.url}/tokeninfo`,
          oauth2FederatedSignonPemCertsUrl: `${google.url}/oauth2/v1/certs`,
          oauth2FederatedSignonJwkCertsUrl: `${google.url}/oauth2/v3/certs`,
        },
        transporterOptions: { retryConfig: { retry: 0 } },
      }),
    authorizationUrl,
    connect: async (parameters, choice) => {
      const back = await visitConsent(authorizationUrl(parameters), { account: ada.email, ...choice });
      const asked = [web, sibling, stranger, desktop].find(
        ({ clientId }) => clientId === parameters?.['client_id'],
      );
      const { status, body } = await exchange(back.searchParams.get('code') ?? '', {
        client_id: (asked ?? web).clientId,
        client_secret: (asked ?? web).clientSecret,
        redirect_uri: parameters?.['redirect_uri'] ?? redirectUri,
      });
      if (status !== 200) throw new Error(`No tokens: ${JSON.stringify(body)}`);
      return body;
    },
    exchange,
    refresh: (refreshToken, parameters) =>
      post('/token', {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        client_id: web.clientId,
        client_secret: web.clientSecret,
        ...parameters,
      }),
    post,
    opens: async (accessToken) => {
      const response = await fetch(`${google.url}/tokeninfo?access_token=${encodeURIComponent(accessToken)}`);
      return response.ok;
    },
  };
}
