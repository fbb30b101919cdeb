// Google's sample of a web server app (https://developers.google.com/identity/protocols/oauth2/web-server), with the broker's token.
// No package is needed. See ../README.md for the variables.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { URLSearchParams } from 'node:url';

const { fetch } = globalThis;
const {
  BROKER_URL = 'http://localhost:3000',
  BROKER_KEY = '',
  APP_URL = 'http://localhost:8080',
  API_URL = 'https://youtubeanalytics.googleapis.com',
} = process.env;
const SCOPE = 'https://www.googleapis.com/auth/yt-analytics.readonly';
const RETURN_TO = `${APP_URL}/test`;
const REPORT =
  '/v2/reports?ids=channel==MINE&startDate=2026-01-01&endDate=2026-01-31&metrics=views,likes&dimensions=day';
const PAGE = readFileSync(new URL('../index.html', import.meta.url));

async function callBroker(method, path, body) {
  const headers = { authorization: `Bearer ${BROKER_KEY}` };
  if (body) headers['content-type'] = 'application/json';
  const response = await fetch(BROKER_URL + path, {
    method,
    headers,
    body: body ? JSON.stringify(body) : undefined,
  });
  return { status: response.status, body: await response.json() };
}

async function testApiRequest(user, connect) {
  // The way back from Google: any other outcome would lead there again.
  if (connect !== null && connect !== 'success') return text(200, `The connect ended as: ${connect}`);
  const query = new URLSearchParams({ scope: SCOPE, return_to: RETURN_TO });
  for (;;) {
    const token = await callBroker('GET', `/tokens/${user}?${query}`);
    if (token.body.connect_url) return redirect(token.body.connect_url);
    if (token.status !== 200) return text(502, token.body.detail);
    const headers = { authorization: `Bearer ${token.body.access_token}` };
    const answer = await fetch(API_URL + REPORT, { headers });
    if (answer.status !== 401 || query.has('refused'))
      return { status: answer.status, type: 'application/json', body: await answer.text() };
    // Google may end a token before its time. The broker gets another where it is named, once.
    query.set('refused', token.body.token_id);
  }
}

async function authorize(user) {
  const ticket = { user_id: user, scope: SCOPE, return_to: RETURN_TO, another_account: true };
  const { status, body } = await callBroker('POST', '/connect/tickets', ticket);
  return status === 201 ? redirect(body.connect_url) : text(502, body.detail);
}

async function disconnect(user, mode) {
  const grants = [];
  let cursor = '';
  do {
    const page = await callBroker('GET', `/users/${user}/grants${cursor}`);
    if (page.status !== 200) return text(502, page.body.detail);
    grants.push(...page.body.grants);
    cursor = page.body.next && `?cursor=${encodeURIComponent(page.body.next)}`;
  } while (cursor);
  for (const { id } of grants) {
    const { status, body } = await callBroker('DELETE', `/grants/${id}?mode=${mode}`);
    if (status >= 400) return text(502, body.detail);
  }
  return redirect('/');
}

const text = (status, body) => ({ status, type: 'text/plain; charset=utf-8', body });
const redirect = (location) => ({ status: 303, location, type: 'text/plain', body: '' });

async function answerTo(request, user) {
  const { pathname, searchParams } = new URL(request.url, APP_URL);
  switch (`${request.method} ${pathname}`) {
    case 'GET /':
      return { status: 200, type: 'text/html; charset=utf-8', body: PAGE };
    case 'GET /test':
      return testApiRequest(user, searchParams.get('connect'));
    case 'GET /authorize':
      return authorize(user);
    case 'POST /revoke':
      return disconnect(user, 'revoke');
    case 'POST /clear':
      return disconnect(user, 'local');
    default:
      return text(404, 'Not found');
  }
}

const server = createServer(async (request, response) => {
  // Your app has the user of its session. Here each browser is a user, by a random id.
  const user =
    /(?:^|; )user=([0-9a-f]{32})(?:;|$)/.exec(request.headers.cookie ?? '')?.[1] ??
    randomBytes(16).toString('hex');
  response.setHeader('set-cookie', `user=${user}; Path=/; HttpOnly; SameSite=Lax`);
  const answer = await answerTo(request, user).catch(() =>
    text(502, 'The broker or the API does not answer.'),
  );
  if (answer.location) response.setHeader('location', answer.location);
  response.writeHead(answer.status, { 'content-type': answer.type }).end(answer.body);
});

const { protocol, hostname, port } = new URL(APP_URL);
const usualPort = protocol === 'https:' ? 443 : 80;
server.listen(Number(port) || usualPort, hostname, () => console.log(`Open ${APP_URL}`));
