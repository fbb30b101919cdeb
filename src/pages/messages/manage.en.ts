import type { Part } from './en.js';
import { onDay, plural } from './plural.js';

/** The page where a user sees what an app holds, and its effects. */
export const MANAGE_EN = {
  title: 'Your Google connections',
  entry: {
    body: (app: Part): Part => ['Here you see what ', app, ' may use of your Google accounts, and can end it.'],
    button: 'Show my connections',
    notYou: (user: Part): Part => ['Not ', user, '? Close this page; nothing has been shown.'],
  },
  lead: (app: Part, user: Part): Part => ['What ', app, ' holds of the Google accounts of ', user, '.'],
  none: (app: Part): Part => [app, ' is not connected to any Google account of yours.'],
  status: {
    active: 'Connected',
    suspended: 'Suspended by Google',
    revoking: 'Being disconnected',
    dead: 'Not working any more',
  },
  explain: {
    suspended:
      'Google has disabled this account. The connection works again by itself when the account is enabled again.',
    revoking:
      'The app gets no access any more. Google has still to confirm; this goes on without you.',
    dead: 'Google no longer accepts the permission. Connect the account again if you want to go on.',
    admin: 'The administrator of your Google Workspace has to allow this app first.',
    serviceAccount:
      'The people who run the app set up this access. It is no Google account of yours; ask them to change it.',
  },
  since: (day: Date) => `Allowed on ${onDay('en', day)}.`,
  ends: (day: Date) => `Google ends this on ${onDay('en', day)}.`,
  reconnect: 'Connect again',
  allowRest: 'Allow the rest',
  disconnect: 'Disconnect',
  onlyShown: (app: Part): Part => ['To end a connection, ask ', app, ', or do it in your Google Account.'],
  google: (link: (text: string) => Part): Part => [
    'Google lists all apps that you connected, in ',
    link('your Google Account'),
    '.',
  ],
  more: 'Show more',
  confirm: {
    title: 'Disconnect this account?',
    revoke: (app: Part, account: Part): Part => [
      app,
      ' can then no longer use ',
      account,
      '. Google ends the permission, and what is stored here is deleted.',
    ],
    local: (app: Part, account: Part): Part => [
      app,
      ' can then no longer use ',
      account,
      ', and what is stored here is deleted. Google goes on listing the app until you remove it there too.',
    ],
    dead: (account: Part): Part => [
      'The permission of ',
      account,
      ' does not work any more. What is still stored here is deleted.',
    ],
    others: (account: Part, count: number): Part => [
      'Google ends all permissions of ',
      account,
      plural('en', count, {
        one: ' together: # other connection ends with this one, perhaps of another user.',
        other: ' together: # other connections end with this one, perhaps of other users.',
      }),
    ],
    own: 'Of these, yours allow',
    loses: 'It can then no longer',
    keep: 'Keep it',
  },
  done: {
    revoked: 'Disconnected. Google ended the permission, and it was deleted here.',
    revoking: 'Disconnected. Google has still to confirm; this goes on without you.',
    deleted: 'Disconnected. What was stored here is deleted.',
    kept: 'This connection cannot be ended at the moment. Ask the people who run the app.',
    gone: 'This had changed meanwhile. You see how it is now.',
  },
  connected: {
    success: 'The account is connected.',
    partial: 'The account is connected, but you did not allow everything.',
    pending: 'Google has given its permission. It is stored in a moment.',
    denied: 'You did not allow it. Nothing has changed.',
    failed: 'Connecting did not work. Nothing has changed; try again.',
  },
};

export type ManageMessages = typeof MANAGE_EN;
