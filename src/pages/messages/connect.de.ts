import type { ConnectMessages } from './connect.en.js';
import { inMinutes, plural } from '../locale.js';

export const CONNECT_DE: ConnectMessages = {
  connect: {
    title: 'Google-Konto verbinden',
    lead: (app) => [app, ' möchte Ihr Google-Konto verwenden.'],
    user: (app) => ['Ihr Konto bei ', app],
    account: 'Google-Konto',
    onlyAccount: (email) => [email, ' und kein anderes'],
    onlyDomain: (domain) => ['eines von ', domain, ' und kein anderes'],
    onlyThatAccount: 'das von der App verlangte und kein anderes',
    asks: (app) => ['Damit darf ', app],
    promise:
      'Die App bekommt nur, was hier genannt ist und was Sie ihr bereits erlaubt haben. Sie erfährt auch, welches Konto Sie gewählt haben.',
    next: 'Das Konto und die Berechtigungen wählen Sie auf der nächsten Seite; sie gehört Google.',
    button: 'Weiter zu Google',
    cancel: 'Abbrechen',
    notYou: (user) => [
      'Sie sind nicht ',
      user,
      ' oder haben das nicht angefordert? Brechen Sie ab; noch ist nichts geschehen.',
    ],
    takeBack: (link) => ['Sie können das jederzeit in Ihrem ', link('Google-Konto'), ' zurücknehmen.'],
    expires: (minutes) => `Dieser Link läuft ${inMinutes('de', minutes)} ab.`,
  },
  technical: (count) =>
    plural('de', count, {
      one: 'Technischer Name dieser Berechtigung',
      other: 'Technische Namen dieser # Berechtigungen',
    }),
  says: (app) => [app, ' schreibt:'],
  privacy: 'Datenschutzerklärung',
  support: 'Hilfe',
  links: 'Mehr über diese App',
  tryAgain: 'Noch einmal versuchen',
  startAgain: 'Neu beginnen',
  back: (app) => ['Zurück zu ', app],
  getHelp: (app) => ['Hilfe von ', app],
  mention: (code) => ['Wenn Sie um Hilfe bitten, nennen Sie ', code, '.'],
  errorLine: (status, code, request) => [`Fehler ${status} `, code, ', Anfrage ', request],
  result: {
    complete: 'Verbunden',
    mayUse: (app, account) => [app, ' darf jetzt ', account, ' verwenden. Sie können diese Seite schließen.'],
    allowed: 'Das haben Sie erlaubt',
    partial: 'Teilweise verbunden',
    mayUsePartly: (app, account) => [
      app,
      ' darf jetzt ',
      account,
      ' verwenden, aber nicht für alles, worum gebeten wurde.',
    ],
    missing: 'Das haben Sie nicht erlaubt',
    consequence: (app, count) => [
      'Teile von ',
      app,
      plural('de', count, {
        one: ' brauchen diese Berechtigung und funktionieren ohne sie vielleicht nicht.',
        other: ' brauchen diese # Berechtigungen und funktionieren ohne sie vielleicht nicht.',
      }),
    ],
    held: 'Bereits verbunden',
    heldBody: (app) => [
      app,
      ' darf Ihr Google-Konto wie gewünscht verwenden. Es musste nichts geändert werden. Sie können diese Seite schließen.',
    ],
    pending: 'Fast fertig',
    pendingBody: (app) => [
      app,
      ' prüft jetzt, ob die Anfrage von Ihnen kam. Kehren Sie dorthin zurück, um abzuschließen.',
    ],
    finishing: 'Fast fertig',
    finishingBody: (app) => [
      'Sie haben zugestimmt. Das Speichern dauert etwas länger als sonst und läuft von selbst weiter: Sie ' +
        'müssen nicht neu beginnen und können diese Seite schließen. ',
      app,
      ' hat gleich Zugriff.',
    ],
    waiting: 'Fast fertig',
    waitingBody: (app) => [
      'Die Antwort von Google wird noch gespeichert. Laden Sie diese Seite gleich neu. Bleibt es dabei, öffnen Sie den Link von ',
      app,
      ' noch einmal.',
    ],
    unfinished: 'Noch nicht fertig',
    unfinishedBody: (app) => [
      'Ist die Seite von Google noch offen, machen Sie dort weiter. Sonst beginnen Sie neu, mit dem Link von ',
      app,
      '.',
    ],
    denied: 'Nicht verbunden',
    deniedBody: (app) => [
      'Sie haben ',
      app,
      ' nicht erlaubt, Ihr Google-Konto zu verwenden. Es wurde nichts gespeichert.',
    ],
    cancelled: 'Dieser Link wurde zurückgezogen',
    cancelledBody: (app) => [app, ' braucht keine Antwort mehr von Ihnen. Sie können diese Seite schließen.'],
    expired: 'Das hat zu lange gedauert',
    expiredBody: (app) => [
      'Es wurde nichts gespeichert. Kehren Sie zu ',
      app,
      ' zurück und beginnen Sie dort neu.',
    ],
    otherAccount: (former) => [
      'Das ist ein anderes Konto als bisher. Weiterhin nicht verbunden: ',
      former,
      '.',
    ],
    wrongAccount: 'Ein anderes Google-Konto ist nötig',
    wrongAccountBody: (app, chosen, wanted) => [
      'Sie haben ',
      chosen,
      ' gewählt. ',
      app,
      ' braucht ',
      wanted,
      '. Es wurde nichts gespeichert. Beginnen Sie neu und wählen Sie dieses Konto.',
    ],
    anAccountOf: (domain) => ['ein Konto von ', domain],
    thatAccount: 'ein bestimmtes anderes Konto',
  },
  embedded: {
    title: 'Öffnen Sie diesen Link in Ihrem Browser',
    body: (app) => [
      'Sie sind in einem Browser, der Teil einer anderen App ist. Google erlaubt dort keine Anmeldung, weil so eine App ' +
        'mitlesen könnte. Öffnen Sie den Link in Safari, Chrome oder Firefox und verbinden Sie ',
      app,
      ' dort.',
    ],
    menu: 'Öffnen Sie das Menü dieser App (⋯ oder ⋮) und wählen Sie „Im Browser öffnen“; oder kopieren Sie diesen Link und fügen Sie ihn in Ihrem Browser ein:',
    open: 'In meinem Browser öffnen',
    goOn: 'Trotzdem hier fortfahren',
    unused: 'Der Link ist noch nicht verbraucht, und nichts ist verloren.',
  },
  credentials: {
    done: 'Fertig',
    doneBody: (account) => [
      account,
      ' hat die Erlaubnis erteilt. Das Aktualisierungstoken wurde abgerufen: Weitere Anweisungen stehen in der Ausgabe der ' +
        'Konsole. Sie können diese Seite schließen.',
    ],
    partial: 'Teilweise fertig',
    partialBody: (account) => [
      account,
      ' hat einen Teil der Erlaubnis erteilt. Das Aktualisierungstoken wurde für diesen Teil abgerufen: Weitere Anweisungen ' +
        'stehen in der Ausgabe der Konsole. Sie können diese Seite schließen.',
    ],
    denied: 'Nicht erlaubt',
    deniedBody:
      'Sie haben die Erlaubnis nicht erteilt. Kehren Sie zum Terminal zurück; dort steht, was nun zu tun ist.',
    failed: 'Das hat nicht geklappt',
    failedBody: 'Kehren Sie zum Terminal zurück; dort steht mehr.',
    waiting: 'Warten auf Google',
    waitingBody: 'Öffnen Sie die Adresse, die das Terminal zeigt. Google bringt Sie dann hierher zurück.',
    over: 'Das ist bereits abgeschlossen',
    overBody: 'Kehren Sie zum Terminal zurück.',
  },
};
