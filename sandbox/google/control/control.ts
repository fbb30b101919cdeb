/**
 * The test's interface to the stand-in: one object, used directly in process, and by other processes as
 * POST /_control/<command> with a JSON array of arguments. Each of its own properties is a command.
 */
import type { AdsHierarchy, AdsRole } from '../ads/hierarchy.js';
import type { Endpoint } from '../endpoints.js';
import type {
  AccountPolicy,
  Google,
  Settings,
  StandInAccount,
  StandInClient,
  StandInServiceAccount,
} from '../google.js';
import { endProjectGrant } from '../revoke.js';
import { deliver, type Delivery, type SecurityEventOptions } from '../risc/security-events.js';
import { canonicalScopes } from '../scopes.js';
import type { Fault, TokenResponsePatch } from './disturbances.js';
import type { RecordedRequest } from './request-log.js';

export interface Control {
  /** Every request to one of Google's endpoints so far, oldest first. */
  readonly requests: readonly RecordedRequest[];
  count(endpoint: Endpoint, grantType?: string): number;
  clearRequests(): void;
  /** Every secret ever issued or received: codes, tokens, verifiers, client secrets. */
  secrets(): string[];

  failNext(endpoint: Endpoint, fault: Fault, times?: number): void;
  failAlways(endpoint: Endpoint, fault: Fault): void;
  clearFaults(): void;
  latency(endpoint: Endpoint, ms: number): void;
  /** Amends the next successful token responses (null stops it); without times, all of them. */
  overrideTokenResponse(patch: TokenResponsePatch | null, times?: number): void;

  /** As if the account had consented, without an authorization request. */
  issueRefreshToken(sub: string, clientId: string, scopes: string[]): string;
  /** As the user at myaccount.google.com. */
  revokeByUser(sub: string, projectId: string): void;
  endRefreshToken(token: string): void;
  /** In the order they were issued. */
  liveRefreshTokens(sub: string, clientId?: string): string[];
  /** Signs and delivers a security event, whichever types the stream requests and whether it is enabled. */
  sendSecurityEvent(event: SecurityEventOptions): Promise<Delivery>;
  /** May call the stream API for its project, and get access tokens for itself. */
  addServiceAccount(account: StandInServiceAccount): void;
  /** As its owner in Google's console: signatures made with it are invalid from then on. */
  deleteServiceAccountKey(keyId: string): void;
  /** As a Workspace administrator: the scopes that it may have for users; null removes the delegation. */
  delegate(serviceAccountEmail: string, scopes: string[] | null): void;
  setSlotLimit(limit: number): void;
  setTestingMode(on: boolean): void;
  /** Each refresh answers another refresh token and ends the one that was sent. */
  rotateRefreshTokens(on: boolean): void;
  disableClient(clientId: string): void;
  deleteClient(clientId: string): void;
  enableClient(clientId: string): void;
  setAccountPolicy(sub: string, policy: AccountPolicy | null): void;
  setAdsHierarchy(ads: AdsHierarchy): void;
  /** Invites a user to a Google Ads account, changes their role, or removes them with null. */
  setAdsRole(customer: string, email: string, role: AdsRole | null): void;
  setAdsPageSize(rows: number): void;
  hideAdsRoles(on: boolean): void;
  /** As started with the same options and no state; the signing key stays. */
  reset(): void;
}

export function createControl(google: Google, initialSettings: () => Settings): Control {
  const { disturbances, ledger, requestLog } = google;
  return {
    get requests() {
      return requestLog.requests;
    },
    count: (endpoint, grantType) => requestLog.count(endpoint, grantType),
    clearRequests: () => {
      requestLog.clearRequests();
    },
    secrets: () => [
      ...new Set([
        ...[...google.clients.values()].map((client) => client.clientSecret),
        ...requestLog.secrets(),
      ]),
    ],

    failNext: (endpoint, fault, times) => {
      disturbances.failNext(endpoint, fault, times);
    },
    failAlways: (endpoint, fault) => {
      disturbances.failAlways(endpoint, fault);
    },
    clearFaults: () => {
      disturbances.clearFaults();
    },
    latency: (endpoint, ms) => {
      disturbances.setLatency(endpoint, ms);
    },
    overrideTokenResponse: (patch, times) => {
      disturbances.patchTokenResponses(patch, times);
    },

    issueRefreshToken: (sub, clientId, scopes) => {
      const { projectId } = client(google, clientId);
      ledger.recordConsent(projectId, account(google, sub).sub, scopes);
      return ledger.issueRefreshToken({ clientId, projectId, sub, scopes }).token;
    },
    revokeByUser: (sub, projectId) => {
      endProjectGrant(google, projectId, account(google, sub).sub);
    },
    endRefreshToken: (token) => {
      const refreshToken = ledger.refreshToken(token);
      if (!refreshToken) throw new Error('There is no such refresh token.');
      ledger.endRefreshToken(refreshToken);
    },
    liveRefreshTokens: (sub, clientId) =>
      ledger.liveRefreshTokens(account(google, sub).sub, clientId).map(({ token }) => token),
    sendSecurityEvent: (event) => deliver(google, event),
    addServiceAccount: (account) => {
      google.serviceAccounts.push(account);
    },
    deleteServiceAccountKey: (keyId) => {
      const deleted = google.serviceAccounts.find((each) => each.keyId === keyId);
      if (!deleted) throw new Error(`There is no key "${keyId}".`);
      deleted.publicKey = null;
    },
    delegate: (email, scopes) => {
      if (!google.serviceAccounts.some((each) => each.email === email))
        throw new Error(`There is no service account "${email}".`);
      if (scopes === null) google.settings.delegations.delete(email);
      else google.settings.delegations.set(email, canonicalScopes(scopes));
    },
    setSlotLimit: (limit) => {
      if (!(limit >= 1)) throw new Error('The slot limit is a number from 1.');
      google.settings.slotLimit = limit;
    },
    setTestingMode: (on) => {
      google.settings.testingMode = on;
    },
    rotateRefreshTokens: (on) => {
      google.settings.rotatesRefreshTokens = on;
    },
    disableClient: (clientId) => {
      google.settings.clientStatus.set(client(google, clientId).clientId, 'disabled_client');
    },
    deleteClient: (clientId) => {
      google.settings.clientStatus.set(client(google, clientId).clientId, 'deleted_client');
    },
    enableClient: (clientId) => {
      google.settings.clientStatus.delete(client(google, clientId).clientId);
    },
    setAccountPolicy: (sub, policy) => {
      const policies = google.settings.accountPolicy;
      if (policy === null) policies.delete(sub);
      else policies.set(account(google, sub).sub, policy);
    },
    setAdsHierarchy: (ads) => {
      google.settings.ads = structuredClone(ads);
    },
    setAdsRole: (customer, email, role) => {
      const { ads } = google.settings;
      if (!ads.accounts.some(({ id }) => id === customer)) {
        throw new Error(`There is no Google Ads account "${customer}".`);
      }
      const others = ads.users.filter((user) => user.customer !== customer || user.email !== email);
      google.settings.ads = { ...ads, users: role ? [...others, { customer, email, role }] : others };
    },
    setAdsPageSize: (rows) => {
      google.settings.adsPageSize = rows;
    },
    hideAdsRoles: (on) => {
      google.settings.adsRolesForAdminsOnly = on;
    },
    reset: () => {
      ledger.clear();
      disturbances.clear();
      requestLog.clear();
      google.securityStreams.clear();
      Object.assign(google.settings, initialSettings());
    },
  };
}

function account(google: Google, sub: string): StandInAccount {
  const found = google.accounts.get(sub);
  if (!found) throw new Error(`There is no account with sub "${sub}".`);
  return found;
}

function client(google: Google, clientId: string): StandInClient {
  const found = google.clients.get(clientId);
  if (!found) throw new Error(`There is no client "${clientId}".`);
  return found;
}
