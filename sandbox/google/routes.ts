/** Google's addresses, all on one host here. */
import { listAccessibleCustomers, search, searchStream } from './ads/search.js';
import { jwkCerts, pemCerts } from './api/certs.js';
import { openidConfiguration } from './api/openid-configuration.js';
import { reports } from './api/reports.js';
import { tokeninfo } from './api/tokeninfo.js';
import { userinfo } from './api/userinfo.js';
import { authorize } from './authorize/authorize.js';
import { chooseAccount } from './authorize/choose-account.js';
import { submitConsent } from './authorize/submit-consent.js';
import { removeConnection, showConnections } from './connections.js';
import { revoke } from './revoke.js';
import { riscConfiguration } from './risc/configuration.js';
import { readStatus, readStream, updateStatus, updateStream, verifyStream } from './risc/stream.js';
import type { Route } from './serve.js';
import { token } from './token/token.js';

export const routes: Route[] = [
  { method: 'GET', path: '/o/oauth2/v2/auth', endpoint: 'authorize', answer: authorize },
  // The alias that client_secret files name.
  { method: 'GET', path: '/o/oauth2/auth', endpoint: 'authorize', answer: authorize },
  { method: 'POST', path: '/o/oauth2/v2/auth/account', answer: chooseAccount },
  { method: 'POST', path: '/o/oauth2/v2/auth/consent', answer: submitConsent },
  // myaccount.google.com
  { method: 'GET', path: '/connections', answer: showConnections },
  { method: 'POST', path: '/connections', answer: removeConnection },
  { method: 'POST', path: '/token', endpoint: 'token', answer: token },
  { method: 'POST', path: '/revoke', endpoint: 'revoke', answer: revoke },
  { method: 'GET', path: '/oauth2/v3/certs', endpoint: 'certs', answer: jwkCerts },
  { method: 'GET', path: '/oauth2/v1/certs', endpoint: 'certs', answer: pemCerts },
  { method: 'GET', path: '/tokeninfo', endpoint: 'tokeninfo', answer: tokeninfo },
  { method: 'POST', path: '/tokeninfo', endpoint: 'tokeninfo', answer: tokeninfo },
  { method: 'GET', path: '/oauth2/v3/userinfo', endpoint: 'userinfo', answer: userinfo },
  { method: 'GET', path: '/v2/reports', endpoint: 'reports', answer: reports },
  // Two colons are one: a single one would begin a parameter.
  {
    method: 'GET',
    path: '/:version/customers::listAccessibleCustomers',
    endpoint: 'ads',
    answer: listAccessibleCustomers,
  },
  {
    method: 'POST',
    path: '/:version/customers/:customer/googleAds::search',
    endpoint: 'ads',
    answer: search,
  },
  {
    method: 'POST',
    path: '/:version/customers/:customer/googleAds::searchStream',
    endpoint: 'ads',
    answer: searchStream,
  },
  { method: 'GET', path: '/.well-known/openid-configuration', answer: openidConfiguration },
  {
    method: 'GET',
    path: '/.well-known/risc-configuration',
    endpoint: 'risc_configuration',
    answer: riscConfiguration,
  },
  { method: 'GET', path: '/v1beta/stream', endpoint: 'risc', answer: readStream },
  { method: 'POST', path: '/v1beta/stream::update', endpoint: 'risc', answer: updateStream },
  { method: 'GET', path: '/v1beta/stream/status', endpoint: 'risc', answer: readStatus },
  { method: 'POST', path: '/v1beta/stream/status::update', endpoint: 'risc', answer: updateStatus },
  { method: 'POST', path: '/v1beta/stream::verify', endpoint: 'risc', answer: verifyStream },
];
