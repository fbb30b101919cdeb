import type { ComponentChildren } from 'preact';
import { inMinutes, plural } from '../locale.js';

/** A name in its own direction, or a text. */
export type MessagePart = ComponentChildren;

export const CONNECT_EN = {
  connect: {
    title: 'Connect your Google account',
    lead: (app: MessagePart): MessagePart => [app, ' asks to use your Google account.'],
    user: (app: MessagePart): MessagePart => ['Your account at ', app],
    account: 'Google account',
    onlyAccount: (email: MessagePart): MessagePart => [email, ', and no other'],
    onlyDomain: (domain: MessagePart): MessagePart => ['one of ', domain, ', and no other'],
    onlyThatAccount: 'the one that the app asks for, and no other',
    asks: (app: MessagePart): MessagePart => ['It allows ', app, ' to'],
    promise:
      'It gets no more than this and what you allowed it before. It also learns which account you chose.',
    next: "You choose the account and what to allow on the next page, which is Google's.",
    button: 'Continue to Google',
    cancel: 'Cancel',
    notYou: (user: MessagePart): MessagePart => [
      'Not ',
      user,
      ', or did you not ask for this? Cancel; nothing has happened yet.',
    ],
    takeBack: (link: (text: string) => MessagePart): MessagePart => [
      'You can take this back at any time in your ',
      link('Google Account'),
      '.',
    ],
    expires: (minutes: number) => `This link expires ${inMinutes('en', minutes)}.`,
  },
  technical: (count: number) =>
    plural('en', count, {
      one: 'Technical name of this permission',
      other: 'Technical names of these # permissions',
    }),
  says: (app: MessagePart): MessagePart => [app, ' says:'],
  privacy: 'Privacy policy',
  support: 'Help',
  links: 'More about this app',
  tryAgain: 'Try again',
  startAgain: 'Start again',
  back: (app: MessagePart): MessagePart => ['Back to ', app],
  getHelp: (app: MessagePart): MessagePart => ['Get help from ', app],
  mention: (code: MessagePart): MessagePart => ['If you ask for help, mention ', code, '.'],
  errorLine: (status: number, code: MessagePart, request: MessagePart): MessagePart => [
    `Error ${status} `,
    code,
    ', request ',
    request,
  ],
  result: {
    complete: 'Connected',
    mayUse: (app: MessagePart, account: MessagePart): MessagePart => [
      app,
      ' may now use ',
      account,
      '. You can close this page.',
    ],
    allowed: 'You allowed it to',
    partial: 'Connected in part',
    mayUsePartly: (app: MessagePart, account: MessagePart): MessagePart => [
      app,
      ' may now use ',
      account,
      ', but not for everything that it asked for.',
    ],
    missing: 'You did not allow it to',
    consequence: (app: MessagePart, count: number): MessagePart => [
      'Parts of ',
      app,
      plural('en', count, {
        one: ' need this permission and may not work without it.',
        other: ' need these # permissions and may not work without them.',
      }),
    ],
    held: 'Connected already',
    heldBody: (app: MessagePart): MessagePart => [
      app,
      ' may use your Google account as it asked. Nothing had to change. You can close this page.',
    ],
    pending: 'Almost done',
    pendingBody: (app: MessagePart): MessagePart => [
      app,
      ' now checks that it was you who asked. Go back there to finish.',
    ],
    finishing: 'Almost done',
    finishingBody: (app: MessagePart): MessagePart => [
      'You have given your consent. Storing it takes a little longer than usual and continues by itself: you need ' +
        'not start again, and you can close this page. ',
      app,
      ' will have access in a moment.',
    ],
    waiting: 'Almost done',
    waitingBody: (app: MessagePart): MessagePart => [
      'The answer of Google is still being stored. Load this page again in a moment. If it stays like this, open the link of ',
      app,
      ' once more.',
    ],
    unfinished: 'Not finished yet',
    unfinishedBody: (app: MessagePart): MessagePart => [
      'If the page of Google is still open, continue there. Otherwise start again, with the link of ',
      app,
      '.',
    ],
    denied: 'Not connected',
    deniedBody: (app: MessagePart): MessagePart => [
      'You did not allow ',
      app,
      ' to use your Google account. Nothing was stored.',
    ],
    cancelled: 'This link was withdrawn',
    cancelledBody: (app: MessagePart): MessagePart => [
      app,
      ' no longer needs an answer from you. You can close this page.',
    ],
    expired: 'This took too long',
    expiredBody: (app: MessagePart): MessagePart => [
      'Nothing was stored. Go back to ',
      app,
      ', and start again there.',
    ],
    otherAccount: (former: MessagePart): MessagePart => [
      'This is another account than before. Still not connected: ',
      former,
      '.',
    ],
    wrongAccount: 'Another Google account is needed',
    wrongAccountBody: (app: MessagePart, chosen: MessagePart, wanted: MessagePart): MessagePart => [
      'You chose ',
      chosen,
      '. ',
      app,
      ' needs ',
      wanted,
      '. Nothing was stored. Start again, and choose that account.',
    ],
    anAccountOf: (domain: MessagePart): MessagePart => ['an account of ', domain],
    thatAccount: 'the account that it asked for',
  },
  embedded: {
    title: 'Open this link in your browser',
    body: (app: MessagePart): MessagePart => [
      'You are in a browser that is part of another app. Google does not let people sign in there, because such an app ' +
        'could read along. Open the link in Safari, Chrome or Firefox, and connect ',
      app,
      ' there.',
    ],
    menu: 'Open the menu of this app (⋯ or ⋮) and choose “Open in browser”; or copy this link and paste it into your browser:',
    open: 'Open in my browser',
    goOn: 'Continue here anyway',
    unused: 'The link has not been used yet, and nothing is lost.',
  },
  credentials: {
    done: 'Done',
    doneBody: (account: MessagePart): MessagePart => [
      account,
      ' gave its permission. The refresh token has been fetched: check the console output for further instructions. ' +
        'You can close this page.',
    ],
    partial: 'Done in part',
    partialBody: (account: MessagePart): MessagePart => [
      account,
      ' gave some of the permission. The refresh token has been fetched for that part: check the console output for ' +
        'further instructions. You can close this page.',
    ],
    denied: 'Not allowed',
    deniedBody: 'You did not give the permission. Go back to the terminal; it says what to do next.',
    failed: 'That did not work',
    failedBody: 'Go back to the terminal; it says more.',
    waiting: 'Waiting for Google',
    waitingBody: 'Open the address that the terminal shows. Google then brings you back here.',
    over: 'This was finished already',
    overBody: 'Go back to the terminal.',
  },
};

export type ConnectMessages = typeof CONNECT_EN;
