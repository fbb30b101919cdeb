import type { MyGrantsMessages } from './my-grants.en.js';
import { onDay, plural } from '../locale.js';

export const MY_GRANTS_DE: MyGrantsMessages = {
  title: 'Ihre Google-Verbindungen',
  entry: {
    body: (app) => [
      'Sehen Sie, was ',
      app,
      ' in Ihren Google-Konten verwenden darf, und trennen Sie, was Sie nicht mehr möchten.',
    ],
    button: 'Meine Verbindungen anzeigen',
    notYou: (user) => ['Sie sind nicht ', user, '? Schließen Sie diese Seite; noch wurde nichts angezeigt.'],
  },
  lead: (app, user) => ['Google-Konten, die für ', user, ' mit ', app, ' verbunden sind.'],
  none: (app) => [app, ' ist mit keinem Google-Konto von Ihnen verbunden.'],
  status: {
    active: 'Verbunden',
    partial: 'Teilweise verbunden',
    suspended: 'Von Google gesperrt',
    revoking: 'Wird getrennt',
    dead: 'Funktioniert nicht mehr',
  },
  explain: {
    suspended:
      'Google hat dieses Konto deaktiviert. Die Verbindung funktioniert von selbst wieder, sobald das Konto wieder aktiv ist.',
    revoking:
      'Die App hat keinen Zugriff mehr. Google muss das noch bestätigen; Sie brauchen nicht zu warten.',
    dead: 'Google akzeptiert die Erlaubnis nicht mehr. Verbinden Sie das Konto erneut, um es weiter zu nutzen.',
    admin: 'Zuerst muss die Administration Ihres Google Workspace diese App zulassen.',
    serviceAccount:
      'Diesen Zugriff haben die Betreiber der App eingerichtet. Es ist keines Ihrer eigenen Google-Konten; wenden Sie sich für Änderungen an die Betreiber.',
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
    'Verbundene Apps können Sie auch in ',
    link('Ihrem Google-Konto'),
    ' ansehen und entfernen.',
  ],
  more: 'Mehr anzeigen',
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
      ' dann nicht mehr verwenden, und was hier gespeichert ist, wird gelöscht. Google führt die App weiterhin auf, bis Sie sie auch dort entfernen.',
    ],
    dead: (account) => [
      'Die Erlaubnis von ',
      account,
      ' funktioniert nicht mehr. Was hier noch gespeichert ist, wird gelöscht.',
    ],
    others: (account, count) => [
      'Google beendet alle Berechtigungen von ',
      account,
      plural('de', count, {
        one: ' gemeinsam: # weitere Verbindung endet mit dieser, möglicherweise die eines anderen Nutzers.',
        other: ' gemeinsam: # weitere Verbindungen enden mit dieser, möglicherweise die anderer Nutzer.',
      }),
    ],
    own: 'Damit endet auch, was Sie in anderen Verbindungen erlaubt haben',
    loses: 'Das ist dann nicht mehr möglich',
    keep: 'Verbunden lassen',
  },
  done: {
    revoked: 'Getrennt. Google hat die Erlaubnis beendet, und sie wurde hier gelöscht.',
    revoking: 'Getrennt. Google muss das noch bestätigen; Sie brauchen nicht zu warten.',
    deleted: 'Getrennt. Was hier gespeichert war, wurde gelöscht.',
    kept: 'Diese Verbindung kann derzeit nicht beendet werden. Wenden Sie sich an die Betreiber der App.',
    gone: 'Das hat sich inzwischen geändert. Sie sehen den aktuellen Stand.',
  },
  connected: {
    success: 'Das Konto ist verbunden.',
    partial: 'Das Konto ist verbunden, aber Sie haben nicht alles erlaubt.',
    pending: 'Sie haben zugestimmt. Ihre Zustimmung wird gleich gespeichert.',
    denied: 'Sie haben es nicht erlaubt. Es hat sich nichts geändert.',
    failed: 'Das Verbinden hat nicht geklappt. Es hat sich nichts geändert; versuchen Sie es noch einmal.',
  },
};
