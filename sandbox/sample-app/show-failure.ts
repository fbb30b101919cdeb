import type { FastifyInstance } from 'fastify';
import { NoUserId } from './acting-user.js';
import { BrokerRefusal, BrokerUnavailable } from './broker.js';
import { failurePage, type Failure } from './failure-page.js';
import { ForeignRequest } from './guard.js';
import { GoogleRefusal } from './query-report.js';

/** Shows every error as a page. */
export function showFailure(app: FastifyInstance): void {
  app.setErrorHandler((error, _request, reply) => {
    const failure = explain(error);
    return reply.status(failure.status).type('text/html; charset=utf-8').send(failurePage(failure));
  });
  app.setNotFoundHandler((_request, reply) =>
    reply
      .status(404)
      .type('text/html; charset=utf-8')
      .send(failurePage({ status: 404, title: 'No such page', text: 'Nothing is at this address.' })),
  );
}

function explain(error: unknown): Failure {
  if (error instanceof BrokerRefusal) {
    const { status, title, detail, code, request_id } = error.problem;
    return {
      status,
      title: 'The broker refused',
      text: `${title}. ${detail}`,
      small: `${code}, request ${request_id}`,
    };
  }
  if (error instanceof BrokerUnavailable)
    return { status: 502, title: 'The broker does not answer', text: error.message };
  if (error instanceof GoogleRefusal)
    return { status: 502, title: 'Google refused the request', text: error.message };
  if (error instanceof ForeignRequest) {
    return {
      status: 403,
      title: 'Not from here',
      text: 'This only works from the pages of this app. Nothing was done.',
    };
  }
  if (error instanceof NoUserId) {
    return { status: 400, title: 'That is no user id', text: 'Begin it with a letter or a digit.' };
  }
  const status = (error as { statusCode?: number }).statusCode ?? 500;
  if (status < 500)
    return { status, title: 'That request makes no sense here', text: 'Go back and use the buttons.' };
  process.stderr.write(
    `The sample app failed: ${error instanceof Error ? (error.stack ?? error.message) : 'no Error'}\n`,
  );
  return { status, title: 'The sample app failed', text: 'The reason is in the terminal where it runs.' };
}
