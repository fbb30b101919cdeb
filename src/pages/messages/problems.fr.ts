import type { ProblemMessages } from './problems.en.js';

const START_AGAIN = 'Retournez à l’application d’où vous venez et recommencez.';
const ASK = 'Vous ne pouvez pas corriger cela\u00a0: adressez-vous aux responsables de l’application.';

export const PROBLEMS_FR: ProblemMessages = {
  reasons: {
    ticket_used: {
      title: 'Ce lien est réservé à un autre navigateur',
      detail:
        'Il a été ouvert dans un autre navigateur et ne fonctionne que dans ce dernier. Continuez-y, ou retournez à l’application d’où vous venez et recommencez ici.',
    },
    ticket_expired: {
      title: 'Ce lien a expiré',
      detail: `Il date de plus de 30 minutes. ${START_AGAIN}`,
    },
    ticket_cancelled: {
      title: 'Ce lien a été retiré',
      detail: `L’application l’a retiré. ${START_AGAIN}`,
    },
    ticket_invalid: {
      title: 'Ce lien ne fonctionne pas',
      detail:
        'Il est endommagé ou incomplet. Ouvrez-le exactement comme l’application vous l’a donné, ou recommencez dans l’application.',
    },
    other_site: {
      title: 'Veuillez ouvrir le lien vous-même',
      detail:
        'Un autre site vous a envoyé ici. Ouvrez le lien que l’application vous a donné et appuyez sur le bouton de la page qui s’affiche.',
    },
    state_unknown: {
      title: 'Cette page ne peut pas être ouverte directement',
      detail: `Cette réponse n’appartient à aucune association en cours. ${START_AGAIN}`,
    },
    state_missing: {
      title: 'Cette page ne peut pas être ouverte directement',
      detail: `On n’arrive ici qu’en passant par la page de Google. ${START_AGAIN}`,
    },
    malformed_response: {
      title: 'Cette réponse est inutilisable',
      detail: `Elle n’a pas la forme que Google lui donne. ${START_AGAIN}`,
    },
    wrong_issuer: {
      title: 'Cette réponse est inutilisable',
      detail: `Elle ne vient pas de Google. ${START_AGAIN}`,
    },
    service_revoked: {
      title: 'Ce lien n’est plus valable',
      detail:
        'L’application ne peut plus associer de comptes Google ici. Rien n’a été enregistré. Si vous en avez encore besoin, adressez-vous à ses responsables.',
    },
    policy_changed: {
      title: 'Ce lien n’est plus valable',
      detail:
        'L’application ne peut plus demander cela. Rien n’a été enregistré. Si vous en avez encore besoin, adressez-vous à ses responsables.',
    },
    other_browser: {
      title: 'Veuillez recommencer dans ce navigateur',
      detail:
        'Cette association a commencé dans un autre navigateur, ou son cookie a disparu. Retournez au navigateur dans lequel vous avez commencé, ou recommencez dans l’application.',
    },
  },
  codes: {
    invalid_request: {
      title: 'Cette demande est incompréhensible',
      detail:
        'Ouvrez le lien exactement comme l’application vous l’a donné, ou recommencez dans l’application.',
    },
    not_found: {
      title: 'Cette page n’existe pas',
      detail: 'Vérifiez l’adresse, ou retournez à l’application d’où vous venez.',
    },
    method_not_allowed: {
      title: 'Cette page ne s’ouvre pas ainsi',
      detail: 'Ouvrez le lien que l’application vous a donné.',
    },
    not_allowed: { title: 'Ce n’est pas permis', detail: ASK },
    rate_limited: {
      title: 'Trop de demandes',
      detail: 'Beaucoup de demandes sont venues de votre réseau. Attendez une minute, puis réessayez.',
    },
    slots_full: {
      title: 'Ce compte Google a trop d’associations',
      detail:
        'Google mettrait fin à l’association la plus ancienne de ce compte, alors qu’un autre utilisateur s’en sert encore. Mettez fin à une association qui ne sert plus, ou utilisez un autre compte Google.',
    },
    google_unavailable: {
      title: 'Google ne répond pas',
      detail: 'Votre compte n’est pas en cause. Réessayez dans une minute.',
    },
    client_misconfigured: { title: 'Google refuse cette application', detail: ASK },
    database_unavailable: {
      title: 'Ce service n’est pas disponible',
      detail:
        'Rien n’est perdu. Réessayez dans une minute\u00a0; si cela persiste, adressez-vous aux responsables de l’application.',
    },
    internal_error: {
      title: 'Une erreur s’est produite',
      detail:
        'Réessayez. Si cela persiste, adressez-vous aux responsables de l’application en indiquant la requête ci-dessous.',
    },
  },
  failed: {
    title: 'Cela n’a pas fonctionné',
    notAllowed: `L’application ne peut plus demander cela. Rien n’a été enregistré. ${ASK}`,
  },
  failures: {
    google_unavailable: 'Google n’a pas répondu à temps. Votre compte n’est pas en cause\u00a0: réessayez.',
    client_misconfigured: `Google refuse cette application pour le moment. Rien n’a été enregistré. ${ASK}`,
    org_internal:
      'Seuls les comptes de l’organisation à laquelle appartient cette application peuvent l’utiliser. Choisissez un compte de cette organisation.',
    policy_rejected:
      'L’administrateur de votre Google Workspace n’a pas approuvé cette application ou l’une des autorisations qu’elle demande. Demandez-lui de l’approuver.',
    code_rejected:
      'Google a rejeté le code de connexion. Il a peut-être déjà été utilisé. Recommencez dans l’application.',
    scope_rejected: `Google ne connaît pas l’une des autorisations demandées. Rien n’a été enregistré. ${ASK}`,
    no_refresh_token: 'Google n’a accordé qu’un accès temporaire. Rien n’a été enregistré\u00a0; réessayez.',
    google_refused: 'Google vous a renvoyé sans autorisation. Rien n’a été enregistré\u00a0; réessayez.',
  },
};
