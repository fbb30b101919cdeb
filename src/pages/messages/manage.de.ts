import type { ManageMessages } from './manage.en.js';
import { onDay, plural } from './plural.js';

export const MANAGE_DE: ManageMessages = {
  title: 'Ihre Google-Verbindungen',
  entry: {
    body: (app) => [
      'Hier sehen Sie, was ',
      app,
      ' von Ihren Google-Konten verwenden darf, und können es beenden.',
    ],
    button: 'Meine Verbindungen zeigen',
    notYou: (user) => [
      'Sie sind nicht ',
      user,
      '? Schließen Sie diese Seite; es wurde noch nichts gezeigt.',
    ],
  },
  lead: (app, user) => ['Was ', app, ' für ', user, ' von Google-Konten verwenden darf.'],
  none: (app) => [app, ' ist mit keinem Google-Konto von Ihnen verbunden.'],
  status: {
    active: 'Verbunden',
    suspended: 'Von Google gesperrt',
    revoking: 'Wird getrennt',
    dead: 'Funktioniert nicht mehr',
  },
  explain: {
    suspended:
      'Google hat dieses Konto deaktiviert. Die Verbindung funktioniert von selbst wieder, sobald das Konto wieder aktiv ist.',
    revoking:
      'Die App hat keinen Zugriff mehr. Google muss das noch bestätigen; das läuft ohne Sie weiter.',
    dead: 'Google nimmt die Erlaubnis nicht mehr an. Verbinden Sie das Konto erneut, wenn Sie weitermachen möchten.',
    admin: 'Zuerst muss die Administration Ihres Google Workspace diese App zulassen.',
    serviceAccount:
      'Diesen Zugriff haben die Betreiber der App eingerichtet. Es ist kein Google-Konto von Ihnen; wenden Sie sich an sie.',
  },
  since: (day) => `Erlaubt am ${onDay('de', day)}.`,
  ends: (day) => `Google beendet das am ${onDay('de', day)}.`,
  reconnect: 'Erneut verbinden',
  allowRest: 'Den Rest erlauben',
  disconnect: 'Trennen',
  onlyShown: (app) => [
    'Um eine Verbindung zu beenden, wenden Sie sich an ',
    app,
    ' oder tun Sie es in Ihrem Google-Konto.',
  ],
  google: (link) => [
    'Alle Apps, die Sie verbunden haben, führt Google in ',
    link('Ihrem Google-Konto'),
    ' auf.',
  ],
  more: 'Mehr zeigen',
  confirm: {
    title: 'Dieses Konto trennen?',
    revoke: (app, account) => [
      app,
      ' kann ',
      account,
      ' dann nicht mehr verwenden. Google beendet die Erlaubnis, und was hier gespeichert ist, wird gelöscht.',
    ],
    local: (app, account) => [
      app,
      ' kann ',
      account,
      ' dann nicht mehr verwenden, und was hier gespeichert ist, wird gelöscht. Google führt die App weiter auf, bis Sie sie auch dort entfernen.',
    ],
    dead: (account) => [
      'Die Erlaubnis von ',
      account,
      ' funktioniert nicht mehr. Was hier noch gespeichert ist, wird gelöscht.',
    ],
    others: (account, count) => [
      'Google beendet alle Erlaubnisse von ',
      account,
      plural('de', count, {
        one: ' zusammen: # weitere Verbindung endet mit dieser, vielleicht die eines anderen Benutzers.',
        other: ' zusammen: # weitere Verbindungen enden mit dieser, vielleicht die anderer Benutzer.',
      }),
    ],
    own: 'Davon haben Sie selbst erlaubt',
    loses: 'Das ist dann nicht mehr möglich',
    keep: 'Behalten',
  },
  done: {
    revoked: 'Getrennt. Google hat die Erlaubnis beendet, und sie ist hier gelöscht.',
    revoking: 'Getrennt. Google muss das noch bestätigen; das läuft ohne Sie weiter.',
    deleted: 'Getrennt. Was hier gespeichert war, ist gelöscht.',
    kept: 'Diese Verbindung kann derzeit nicht beendet werden. Wenden Sie sich an die Betreiber der App.',
    gone: 'Das hatte sich inzwischen geändert. Sie sehen den jetzigen Stand.',
  },
  connected: {
    success: 'Das Konto ist verbunden.',
    partial: 'Das Konto ist verbunden, aber Sie haben nicht alles erlaubt.',
    pending: 'Google hat die Erlaubnis erteilt. Sie wird gleich gespeichert.',
    denied: 'Sie haben es nicht erlaubt. Es hat sich nichts geändert.',
    failed: 'Das Verbinden hat nicht geklappt. Es hat sich nichts geändert; versuchen Sie es noch einmal.',
  },
};
