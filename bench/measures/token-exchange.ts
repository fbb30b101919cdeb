/** POST /oauth2/token, the token exchange of RFC 8693 that Google's own libraries send, beside GET /tokens. */
import { compiled } from '../../sandbox/compiled.js';
import { withFleet } from '../environment.js';
import { interleave, middle, p99, type Round, share } from '../load.js';
import { atLeast, LeftOut, type Measure, ms, ratio, whole } from '../measure.js';
import { bars } from '../page/bars.js';
import { startServer } from '../processes.js';
import { NOT_COMPARED } from './warm.js';

interface Exchange {
  readonly rounds: readonly Round<'get' | 'exchange' | 'bareGet' | 'bareForm'>[];
}

export const tokenExchange: Measure<Exchange> = {
  name: 'token-exchange',
  title: 'Token exchange',
  explanation: `The same warm token by \`POST /oauth2/token\` (RFC 8693: the service key is the subject token, the audience names the user),
as Google's own libraries ask for it, beside \`GET /tokens/:userId\`. And both of bare node:http, which reads the form and does nothing with it.`,
  take: (databaseUrl, effort) =>
    withFleet(databaseUrl, 1, {}, async ({ fleet, url, key, authorization, seed }) => {
      const [user = ''] = await seed('warm', 1, 3500);
      const pid = fleet.replicas[0]?.process.pid;
      const exchange = {
        url: `${url}/oauth2/token`,
        method: 'POST' as const,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token: key,
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          audience: `${fleet.settings['PUBLIC_URL'] ?? ''}/users/${user}`,
        }).toString(),
        pid,
      };
      const probe = await fetch(exchange.url, exchange);
      const answer = await probe.text();
      if (probe.status === 404) {
        throw new LeftOut(
          '`POST /oauth2/token` was answered 404: this version of the broker does not have it',
        );
      }
      if (probe.status !== 200) throw new Error(`The exchange was answered ${probe.status}: ${answer}`);
      const get = { url: `${url}/tokens/${user}`, headers: authorization, pid };
      const headers = [...probe.headers].filter(([name]) => !NOT_COMPARED.includes(name));
      const bare = await startServer(compiled('bench/servers/bare-http.js'), {
        BODY: answer,
        HEADERS: JSON.stringify(Object.fromEntries(headers)),
      });
      const bareTo = ({ url: path }: { url: string }) => ({
        url: `http://127.0.0.1:${bare.report.port}${new URL(path).pathname}`,
        pid: bare.pid,
      });
      const bareGet = { ...get, ...bareTo(get) };
      const bareForm = { ...exchange, ...bareTo(exchange) };
      try {
        return { rounds: await interleave({ get, exchange, bareGet, bareForm }, effort) };
      } finally {
        await bare.end();
      }
    }),
  rows({ rounds }) {
    const [get, exchange] = [middle(rounds, 'get'), middle(rounds, 'exchange')];
    const toGet = share(rounds, 'exchange', 'get');
    const [bareGet, bareForm] = [middle(rounds, 'bareGet'), middle(rounds, 'bareForm')];
    return [
      {
        measure: 'warm token by `POST /oauth2/token`, against `GET /tokens`',
        measured: `${whole(exchange.requestsPerSecond)} against ${whole(get.requestsPerSecond)}: ${ratio(toGet)}; p99 ${ms(p99(exchange))}`,
        goal: atLeast(toGet, 0.7),
      },
      {
        measure: 'the same of bare `node:http`, which reads the form',
        measured: `${whole(bareForm.requestsPerSecond)} against ${whole(bareGet.requestsPerSecond)}: ${ratio(share(rounds, 'bareForm', 'bareGet'))}`,
        goal: null,
      },
    ];
  },
  plots: ({ rounds }) => [
    bars('token-exchange', 'A warm token by endpoint', rounds, [
      { who: 'get', label: 'GET /tokens', tone: 'broker' },
      { who: 'exchange', label: 'POST /oauth2/token', tone: 'second' },
    ]),
  ],
};
