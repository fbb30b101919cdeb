import type { FastifyInstance } from 'fastify';
import { NoUserId } from './acting-user.js';
import { BrokerRefusal, BrokerUnavailable, type Problem } from './broker.js';
import { failurePage, type Failure } from './failure-page.js';
import { ForeignRequest } from './guard.js';
import { GoogleRefusal } from './google-refusal.js';
import { fieldsOf } from './page.js';

/** Shows every error as a page. */
export function showFailure(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => {
    const fields = fieldsOf(request);
    const failure = explain(error, fields.get('after') === 'revoke');
    const user = error instanceof NoUserId ? null : fields.get('user');
    return reply.status(failure.status).type('text/html; charset=utf-8').send(failurePage(failure, user));
  });
  app.setNotFoundHandler((_request, reply) =>
    reply
      .status(404)
      .type('text/html; charset=utf-8')
      .send(failurePage({ status: 404, title: 'No such page', text: 'Nothing is at this address.' }, null)),
  );
}

/** @param isRevoked whether the user has just revoked the grant in this app */
function explain(error: unknown, isRevoked: boolean): Failure {
  if (error instanceof BrokerRefusal) {
    const { connect_url, ...problem } = error.problem;
    const { status, title, detail, code, request_id } = problem;
    const next = nextStep(error.problem);
    const explanation = explainInvalidGrant(error.problem, isRevoked);
    return {
      status,
      title: explanation === null ? 'The broker refused' : 'invalid_grant',
      text: `${title}. ${detail}`,
      ...(explanation === null ? {} : { explanation }),
      json: { name: 'As the broker answered it', value: problem },
      ...(next === null ? {} : { next }),
      ...(next === null && connect_url !== undefined ? { link: connect_url } : {}),
      small: `${code}, request ${request_id}`,
    };
  }
  if (error instanceof BrokerUnavailable)
    return { status: 502, title: 'The broker does not answer', text: error.message };
  if (error instanceof GoogleRefusal && error.isOfToken) {
    return {
      status: 502,
      title: 'Google refused the token',
      text: `It refused this one, and another that the broker got in its place: ${error.message}`,
      ...jsonOf(error),
      next: 'The API may be switched off for the project, or not be meant for this account. If not, test the auth flow directly.',
    };
  }
  if (error instanceof GoogleRefusal) {
    return {
      status: 502,
      title: 'Google refused the request',
      text: error.message,
      ...jsonOf(error),
      next: 'The token is good: Google says what is missing.',
    };
  }
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

function jsonOf({ answer }: GoogleRefusal): Pick<Failure, 'json'> {
  return answer === undefined ? {} : { json: { name: 'As the API answered it', value: answer } };
}

/** Causes of a dead grant that Google answers otherwise, or does not answer yet. */
const OTHER_CAUSES: readonly (string | undefined)[] = [
  'admin_policy_enforced',
  'account_disabled',
  'revoking',
];

/** What Google says of a refresh token that has ended; null where the refusal is about something else. */
function explainInvalidGrant({ code, cause }: Problem, isRevoked: boolean): string | null {
  const what =
    'The refresh token was revoked, has expired, or its Google Account was deleted or disabled: Google answers it with invalid_grant';
  if (code === 'reconnect_required' && !OTHER_CAUSES.includes(cause)) {
    return `${what}, and does not say why. The broker found the likeliest reason, and does not ask Google again.`;
  }
  return code === 'not_connected' && isRevoked
    ? `${what}. You revoked it here, so the broker has deleted it, and does not even ask.`
    : null;
}

/** What to do where a consent does not help; null where it does, or nothing is known. */
function nextStep({ cause, who_must_act: actor }: Problem): string | null {
  if (cause === 'account_disabled') {
    return 'There is nothing to press here: once Google has enabled the account again, the grant works again by itself.';
  }
  if (actor === 'workspace_admin') return 'The administrator of the Google Workspace must act first.';
  return actor === 'operator' ? 'The operator of the broker must act first.' : null;
}
