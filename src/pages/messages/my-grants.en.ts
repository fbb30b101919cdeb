import type { MessagePart } from './connect.en.js';
import { onDay, plural } from '../locale.js';

/** The page where a user sees what an app holds, and its effects. */
export const MY_GRANTS_EN = {
  title: 'Your Google connections',
  entry: {
    body: (app: MessagePart): MessagePart => [
      'See what ',
      app,
      ' may use in your Google accounts, and disconnect what you no longer want.',
    ],
    button: 'Show my connections',
    notYou: (user: MessagePart): MessagePart => ['Not ', user, '? Close this page; nothing has been shown.'],
  },
  lead: (app: MessagePart, user: MessagePart): MessagePart => [
    'Google accounts connected to ',
    app,
    ' for ',
    user,
    '.',
  ],
  none: (app: MessagePart): MessagePart => [app, ' is not connected to any Google account of yours.'],
  status: {
    active: 'Connected',
    partial: 'Connected in part',
    suspended: 'Suspended by Google',
    revoking: 'Being disconnected',
    dead: 'No longer works',
  },
  explain: {
    suspended:
      'Google has disabled this account. The connection works again by itself when the account is enabled again.',
    revoking: 'The app has no access any more. Google still has to confirm it; you need not wait.',
    dead: 'Google no longer accepts the permission. Connect the account again to keep using it.',
    admin: 'The administrator of your Google Workspace has to allow this app first.',
    serviceAccount:
      'The people who run the app set up this access. It is not one of your Google accounts; ask them to change it.',
  },
  since: (day: Date) => `Allowed on ${onDay('en', day)}.`,
  ends: (day: Date) => `Google ends this on ${onDay('en', day)}.`,
  reconnect: 'Connect again',
  allowRest: 'Allow the rest',
  disconnect: 'Disconnect',
  onlyShown: (app: MessagePart): MessagePart => [
    'To end a connection, ask ',
    app,
    ', or do it in your Google Account.',
  ],
  google: (link: (text: string) => MessagePart): MessagePart => [
    'You can also see and remove connected apps in ',
    link('your Google Account'),
    '.',
  ],
  more: 'Show more',
  confirm: {
    title: 'Disconnect this account?',
    revoke: (app: MessagePart, account: MessagePart): MessagePart => [
      app,
      ' will no longer be able to use ',
      account,
      '. Google ends the permission, and what is stored here is deleted.',
    ],
    local: (app: MessagePart, account: MessagePart): MessagePart => [
      app,
      ' will no longer be able to use ',
      account,
      ', and what is stored here is deleted. Google keeps listing the app until you remove it there too.',
    ],
    dead: (account: MessagePart): MessagePart => [
      'The permission of ',
      account,
      ' no longer works. What is still stored here is deleted.',
    ],
    others: (account: MessagePart, count: number): MessagePart => [
      'Google ends all permissions of ',
      account,
      plural('en', count, {
        one: ' together: # other connection ends with this one, possibly of another user.',
        other: ' together: # other connections end with this one, possibly of other users.',
      }),
    ],
    own: 'This also ends what you allowed in other connections',
    loses: 'It will no longer be able to',
    keep: 'Keep it',
  },
  done: {
    revoked: 'Disconnected. Google ended the permission, and it was deleted here.',
    revoking: 'Disconnected. Google still has to confirm it; you need not wait.',
    deleted: 'Disconnected. What was stored here was deleted.',
    kept: 'This connection cannot be ended at the moment. Ask the people who run the app.',
    gone: 'This has changed in the meantime. You see the current state.',
  },
  connected: {
    success: 'The account is connected.',
    partial: 'The account is connected, but you did not allow everything.',
    pending: 'You have given your consent. It will be stored in a moment.',
    denied: 'You did not allow it. Nothing has changed.',
    failed: 'Connecting did not work. Nothing has changed; try again.',
  },
};

export type MyGrantsMessages = typeof MY_GRANTS_EN;
