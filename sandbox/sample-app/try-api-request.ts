import type { FastifyInstance } from 'fastify';
import { actingUser, homeOf } from './acting-user.js';
import { BrokerRefusal, type Broker, type Token } from './broker.js';
import { fieldsOf } from './page.js';
import { queryReport } from './query-report.js';
import { reportPage } from './report-page.js';
import { SCOPES } from './scopes.js';

/** Errors that the user can fix by going through the authorization flow. */
const FIXED_BY_CONNECTING = ['not_connected', 'insufficient_scope', 'reconnect_required'];

interface Place {
  readonly url: string;
  readonly standInUrl: string | null;
}

/** "Try an API request": get a token from the broker and a report from Google, and show it. */
export function tryApiRequest(app: FastifyInstance, broker: Broker, { url, standInUrl }: Place): void {
  app.get('/report', async (request, reply) => {
    const fields = fieldsOf(request);
    const user = actingUser(fields);
    const kind = fields.get('kind') === 'revenue' ? 'revenue' : 'views';
    const account = fields.get('account') || undefined;
    const scope = SCOPES[kind];
    const connected = fields.get('connect');
    if (connected !== null && connected !== 'success') {
      const error = fields.get('connect_error');
      return reply.redirect(
        homeOf(user, { connect: connected, ...(error === null ? {} : { connect_error: error }) }),
      );
    }
    let token: Token;
    try {
      token = await broker.token(user, scope, account);
    } catch (error) {
      const isFixable = error instanceof BrokerRefusal && FIXED_BY_CONNECTING.includes(error.problem.code);
      if (!isFixable || connected !== null) throw error;
      // The refusal has a connect_url, but that one ends at the broker; this one returns to this app.
      const back = new URL(
        `/report?${new URLSearchParams({ user, kind, ...(account ? { account } : {}) }).toString()}`,
        url,
      );
      return reply.redirect(
        await broker.connectUrl({ user_id: user, scope, account_hint: account, return_to: back.href }),
      );
    }
    const report = await queryReport(token.access_token, kind, standInUrl);
    return reply.type('text/html; charset=utf-8').send(reportPage({ user, token, report }));
  });
}
