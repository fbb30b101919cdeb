import { ASK_OPERATOR, FAILURE_PAGES } from '../../domain/google/failure-pages.js';

/** A problem, for the person in front of the page. */
export interface ProblemMessage {
  readonly title: string;
  readonly detail: string;
}

const START_AGAIN = 'Go back to the app that you came from, and start again there.';

export const PROBLEMS_EN = {
  /** By the `reason` of a refusal, where it is about a link or an answer of Google's. */
  reasons: {
    ticket_used: {
      title: 'This link belongs to another browser',
      detail:
        'It was opened in another browser, and works only there. Continue in that browser, or go back to the app that you came from and start again here.',
    },
    ticket_expired: {
      title: 'This link has expired',
      detail: `It is older than 30 minutes. ${START_AGAIN}`,
    },
    ticket_cancelled: {
      title: 'This link was withdrawn',
      detail: `The app has taken it back. ${START_AGAIN}`,
    },
    ticket_invalid: {
      title: 'This link does not work',
      detail:
        'It is damaged or incomplete: open the link exactly as the app gave it to you, or start again in the app.',
    },
    other_site: {
      title: 'Please open the link yourself',
      detail: 'Another site sent you here. Open the link that the app gave you, and press the button there.',
    },
    state_unknown: {
      title: 'This page cannot be opened by itself',
      detail: `This answer belongs to no connect that is in progress. ${START_AGAIN}`,
    },
    state_missing: {
      title: 'This page cannot be opened by itself',
      detail: `This page can only be reached from Google’s own. ${START_AGAIN}`,
    },
    malformed_response: {
      title: 'This answer cannot be used',
      detail: `It is not as Google sends it. ${START_AGAIN}`,
    },
    wrong_issuer: {
      title: 'This answer cannot be used',
      detail: `It does not come from Google. ${START_AGAIN}`,
    },
    service_revoked: {
      title: 'This link is no longer valid',
      detail:
        'The app may not connect Google accounts here any more. Nothing was stored. If you still need this, ask the people who run the app.',
    },
    policy_changed: {
      title: 'This link is no longer valid',
      detail:
        'The app may not ask for this any more. Nothing was stored. If you still need this, ask the people who run the app.',
    },
    other_browser: {
      title: 'Please start again in this browser',
      detail:
        'This connect was started in another browser, or its cookie is gone. Go back to the browser in which you began, or start again in the app.',
    },
  },
  /** By the code of a problem. */
  codes: {
    invalid_request: {
      title: 'This request cannot be understood',
      detail: 'Open the link exactly as the app gave it to you, or start again in the app.',
    },
    not_found: {
      title: 'There is no such page',
      detail: 'Check the address, or go back to the app that you came from.',
    },
    method_not_allowed: {
      title: 'This page cannot be opened like this',
      detail: 'Open the link that the app gave you.',
    },
    not_allowed: { title: 'This is not allowed', detail: ASK_OPERATOR },
    rate_limited: {
      title: 'Too many calls',
      detail: 'Many requests came from your network. Wait a minute, and try again.',
    },
    slots_full: {
      title: 'This Google account is connected too often',
      detail:
        'Google would end the oldest connection of this account, one that another user still uses. Disconnect one that is not needed, or use another Google account.',
    },
    google_unavailable: {
      title: 'Google does not answer',
      detail: 'Nothing is wrong with your account. Try again in a minute.',
    },
    client_misconfigured: { title: 'Google refuses this app', detail: ASK_OPERATOR },
    database_unavailable: {
      title: 'This service is not available',
      detail: 'Nothing was lost. Try again in a minute; if it persists, contact the people who run the app.',
    },
    internal_error: {
      title: 'Something went wrong',
      detail: 'Try again. If it persists, contact the people who run the app, and mention the request below.',
    },
  },
  /** A connect that failed: its heading, and the text where the service may not ask for it any more. */
  failed: {
    title: 'That did not work',
    notAllowed: `The app may not ask for this any more. Nothing was stored. ${ASK_OPERATOR}`,
  },
  /** Those of Google. */
  failures: FAILURE_PAGES,
};

export type ProblemMessages = typeof PROBLEMS_EN;
