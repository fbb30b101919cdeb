import type { ProblemMessages } from './problems.en.js';

const START_AGAIN = 'Kehren Sie zu der App zurück, aus der Sie kommen, und beginnen Sie dort neu.';
const ASK = 'Sie können das nicht beheben: Wenden Sie sich an die Betreiber der App.';

export const PROBLEMS_DE: ProblemMessages = {
  reasons: {
    ticket_used: {
      title: 'Dieser Link gehört zu einem anderen Browser',
      detail:
        'Er wurde in einem anderen Browser geöffnet und funktioniert nur dort. Machen Sie dort weiter, oder kehren Sie zu der App zurück, aus der Sie kommen, und beginnen Sie hier neu.',
    },
    ticket_expired: {
      title: 'Dieser Link ist abgelaufen',
      detail: `Er ist älter als 30 Minuten. ${START_AGAIN}`,
    },
    ticket_cancelled: {
      title: 'Dieser Link wurde zurückgezogen',
      detail: `Die App hat ihn zurückgenommen. ${START_AGAIN}`,
    },
    ticket_invalid: {
      title: 'Dieser Link funktioniert nicht',
      detail:
        'Er ist beschädigt oder unvollständig. Öffnen Sie ihn genau so, wie Sie ihn von der App bekommen haben, oder beginnen Sie in der App neu.',
    },
    other_site: {
      title: 'Bitte öffnen Sie den Link selbst',
      detail:
        'Eine andere Website hat Sie hierher geschickt. Öffnen Sie den Link aus der App und drücken Sie dort den Knopf.',
    },
    state_unknown: {
      title: 'Diese Seite lässt sich nicht direkt öffnen',
      detail: `Diese Antwort gehört zu keinem laufenden Vorgang. ${START_AGAIN}`,
    },
    state_missing: {
      title: 'Diese Seite lässt sich nicht direkt öffnen',
      detail: `Hierher gelangt man nur über die Seite von Google. ${START_AGAIN}`,
    },
    malformed_response: {
      title: 'Diese Antwort ist unbrauchbar',
      detail: `Sie hat nicht die Form, in der Google sie sendet. ${START_AGAIN}`,
    },
    wrong_issuer: {
      title: 'Diese Antwort ist unbrauchbar',
      detail: `Sie kommt nicht von Google. ${START_AGAIN}`,
    },
    service_revoked: {
      title: 'Dieser Link gilt nicht mehr',
      detail:
        'Die App darf hier keine Google-Konten mehr verbinden. Es wurde nichts gespeichert. Wenn Sie das noch brauchen, wenden Sie sich an ihre Betreiber.',
    },
    policy_changed: {
      title: 'Dieser Link gilt nicht mehr',
      detail:
        'Die App darf das nicht mehr verlangen. Es wurde nichts gespeichert. Wenn Sie das noch brauchen, wenden Sie sich an ihre Betreiber.',
    },
    other_browser: {
      title: 'Bitte beginnen Sie in diesem Browser neu',
      detail:
        'Dieser Vorgang wurde in einem anderen Browser begonnen, oder sein Cookie ist verschwunden. Kehren Sie in den Browser zurück, in dem Sie begonnen haben, oder beginnen Sie in der App neu.',
    },
  },
  codes: {
    invalid_request: {
      title: 'Diese Anfrage ist unverständlich',
      detail:
        'Öffnen Sie den Link genau so, wie Sie ihn von der App bekommen haben, oder beginnen Sie in der App neu.',
    },
    not_found: {
      title: 'Diese Seite gibt es nicht',
      detail: 'Prüfen Sie die Adresse, oder kehren Sie zu der App zurück, aus der Sie kommen.',
    },
    method_not_allowed: {
      title: 'Diese Seite lässt sich so nicht öffnen',
      detail: 'Öffnen Sie den Link, den Sie von der App bekommen haben.',
    },
    not_allowed: { title: 'Das ist nicht erlaubt', detail: ASK },
    rate_limited: {
      title: 'Zu viele Anfragen',
      detail:
        'Aus Ihrem Netz kamen viele Anfragen. Warten Sie eine Minute, und versuchen Sie es noch einmal.',
    },
    slots_full: {
      title: 'Dieses Google-Konto ist zu oft verbunden',
      detail:
        'Google würde die älteste Verbindung dieses Kontos beenden; eine andere Person verwendet sie noch. Trennen Sie eine nicht mehr benötigte, oder verwenden Sie ein anderes Google-Konto.',
    },
    google_unavailable: {
      title: 'Google antwortet nicht',
      detail: 'Mit Ihrem Konto ist alles in Ordnung. Versuchen Sie es in einer Minute noch einmal.',
    },
    client_misconfigured: { title: 'Google lehnt diese App ab', detail: ASK },
    database_unavailable: {
      title: 'Dieser Dienst ist nicht verfügbar',
      detail:
        'Es ist nichts verloren. Versuchen Sie es in einer Minute noch einmal; bleibt es dabei, wenden Sie sich an die Betreiber der App.',
    },
    internal_error: {
      title: 'Etwas ist schiefgegangen',
      detail:
        'Versuchen Sie es noch einmal. Bleibt es dabei, wenden Sie sich an die Betreiber der App und nennen Sie die Anfrage unten.',
    },
  },
  failed: {
    title: 'Das hat nicht geklappt',
    notAllowed: `Die App darf das nicht mehr verlangen. Es wurde nichts gespeichert. ${ASK}`,
  },
  failures: {
    google_unavailable:
      'Google hat nicht rechtzeitig geantwortet. Mit Ihrem Konto ist alles in Ordnung: Versuchen Sie es noch einmal.',
    client_misconfigured: `Google lehnt diese App zurzeit ab. Es wurde nichts gespeichert. ${ASK}`,
    org_internal:
      'Diese App dürfen nur Konten der Organisation verwenden, zu der sie gehört. Wählen Sie ein Konto dieser Organisation.',
    policy_rejected:
      'Ihre Google-Workspace-Administration erlaubt diese App oder eine ihrer Berechtigungen nicht. Bitten Sie sie, das zu erlauben.',
    code_rejected:
      'Google hat den Anmeldecode abgelehnt. Vielleicht wurde er schon verwendet. Beginnen Sie in der App neu.',
    scope_rejected: `Google kennt eine der verlangten Berechtigungen nicht. Es wurde nichts gespeichert. ${ASK}`,
    no_refresh_token:
      'Google hat nur vorübergehenden Zugriff gewährt. Es wurde nichts gespeichert; versuchen Sie es noch einmal.',
    google_refused:
      'Google hat Sie ohne Erlaubnis zurückgeschickt. Es wurde nichts gespeichert; versuchen Sie es noch einmal.',
  },
};
