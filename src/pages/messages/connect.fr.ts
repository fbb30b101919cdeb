import type { ConnectMessages } from './connect.en.js';
import { inMinutes, plural } from '../locale.js';

export const CONNECT_FR: ConnectMessages = {
  connect: {
    title: 'Associer votre compte Google',
    lead: (app) => [app, ' demande à utiliser votre compte Google.'],
    user: (app) => ['Votre compte chez ', app],
    account: 'Compte Google',
    onlyAccount: (email) => [email, ', et aucun autre'],
    onlyDomain: (domain) => ['un compte du domaine ', domain, ', et aucun autre'],
    onlyThatAccount: 'celui que l’application demande, et aucun autre',
    asks: (app) => ['Avec cet accès, ', app, ' peut'],
    promise:
      'L’application n’obtient rien de plus que cela et ce que vous lui avez déjà accordé. Elle apprend aussi quel compte vous avez choisi.',
    next: 'Vous choisissez le compte et les autorisations sur la page suivante, qui est celle de Google.',
    button: 'Continuer vers Google',
    cancel: 'Annuler',
    notYou: (user) => [
      'Vous n’êtes pas ',
      user,
      ', ou vous n’avez rien demandé\u00a0? Annulez\u00a0: rien ne s’est encore passé.',
    ],
    takeBack: (link) => [
      'Vous pouvez retirer cet accès à tout moment dans votre ',
      link('compte Google'),
      '.',
    ],
    expires: (minutes) => `Ce lien expire ${inMinutes('fr', minutes)}.`,
  },
  technical: (count) =>
    plural('fr', count, {
      one: 'Nom technique de cette autorisation',
      other: 'Noms techniques de ces # autorisations',
    }),
  says: (app) => [app, '\u00a0indique\u00a0:'],
  privacy: 'Règles de confidentialité',
  support: 'Aide',
  links: 'En savoir plus sur cette application',
  tryAgain: 'Réessayer',
  startAgain: 'Recommencer',
  back: (app) => ['Retour à ', app],
  getHelp: (app) => ['Demander de l’aide à ', app],
  mention: (code) => ['Si vous demandez de l’aide, indiquez ', code, '.'],
  errorLine: (status, code, request) => [`Erreur ${status} `, code, ', requête ', request],
  result: {
    complete: 'Compte associé',
    mayUse: (app, account) => [
      app,
      ' peut maintenant utiliser ',
      account,
      '. Vous pouvez fermer cette page.',
    ],
    allowed: 'Ce que vous avez autorisé',
    partial: 'Compte associé en partie',
    mayUsePartly: (app, account) => [
      app,
      ' peut maintenant utiliser ',
      account,
      ', mais pas pour tout ce qui était demandé.',
    ],
    missing: 'Ce que vous n’avez pas autorisé',
    consequence: (app, count) => [
      'Certaines fonctions de l’application ',
      app,
      plural('fr', count, {
        one: ' nécessitent cette autorisation et risquent de ne pas fonctionner sans elle.',
        other: ' nécessitent ces # autorisations et risquent de ne pas fonctionner sans elles.',
      }),
    ],
    held: 'Compte déjà associé',
    heldBody: (app) => [
      app,
      ' peut utiliser votre compte Google comme demandé. Aucune modification n’était nécessaire. Vous pouvez fermer cette page.',
    ],
    pending: 'C’est presque fini',
    pendingBody: (app) => [
      app,
      ' vérifie maintenant que la demande vient bien de vous. Retournez-y pour terminer.',
    ],
    finishing: 'C’est presque fini',
    finishingBody: (app) => [
      'Vous avez donné votre consentement. L’enregistrer prend un peu plus de temps que d’habitude et se poursuit tout ' +
        'seul\u00a0: inutile de recommencer, vous pouvez fermer cette page. ',
      app,
      ' aura accès dans un instant.',
    ],
    waiting: 'C’est presque fini',
    waitingBody: (app) => [
      'La réponse de Google est en cours d’enregistrement. Rechargez cette page dans un instant. Si rien ne change, rouvrez le lien de l’application ',
      app,
      '.',
    ],
    unfinished: 'Pas encore terminé',
    unfinishedBody: (app) => [
      'Si la page de Google est encore ouverte, continuez-y. Sinon, recommencez avec le lien de l’application ',
      app,
      '.',
    ],
    denied: 'Compte non associé',
    deniedBody: (app) => [
      'Vous n’avez pas permis à ',
      app,
      ' d’utiliser votre compte Google. Rien n’a été enregistré.',
    ],
    cancelled: 'Ce lien a été retiré',
    cancelledBody: (app) => [app, ' n’attend plus de réponse de votre part. Vous pouvez fermer cette page.'],
    expired: 'Cela a pris trop de temps',
    expiredBody: (app) => ['Rien n’a été enregistré. Retournez à ', app, ' et recommencez.'],
    otherAccount: (former) => [
      'Ce n’est pas le même compte qu’avant. Toujours sans association\u00a0: ',
      former,
      '.',
    ],
    wrongAccount: 'Il faut un autre compte Google',
    wrongAccountBody: (app, chosen, wanted) => [
      'Vous avez choisi ',
      chosen,
      '. ',
      app,
      ' demande un autre compte\u00a0: ',
      wanted,
      '. Rien n’a été enregistré. Recommencez et choisissez ce compte.',
    ],
    anAccountOf: (domain) => ['un compte du domaine ', domain],
    thatAccount: 'celui que son lien désigne',
  },
  embedded: {
    title: 'Ouvrez ce lien dans votre navigateur',
    body: (app) => [
      'Vous utilisez un navigateur intégré à une autre application. Google n’y permet pas de se connecter, car une telle ' +
        'application pourrait tout lire. Ouvrez le lien dans Safari, Chrome ou Firefox, et associez-y votre compte à ',
      app,
      '.',
    ],
    menu: 'Ouvrez le menu de cette application (⋯ ou ⋮) et choisissez «\u00a0Ouvrir dans le navigateur\u00a0»\u00a0; ou copiez ce lien et collez-le dans votre navigateur\u00a0:',
    open: 'Ouvrir dans mon navigateur',
    goOn: 'Continuer ici malgré tout',
    unused: 'Le lien n’a pas encore été utilisé, et rien n’est perdu.',
  },
  credentials: {
    done: 'Terminé',
    doneBody: (account) => [
      account,
      ' a donné son autorisation. Le jeton d’actualisation a été récupéré\u00a0: consultez la sortie de la console pour ' +
        'la suite. Vous pouvez fermer cette page.',
    ],
    partial: 'Terminé en partie',
    partialBody: (account) => [
      account,
      ' a donné une partie des autorisations. Le jeton d’actualisation a été récupéré pour cette partie\u00a0: consultez la ' +
        'sortie de la console pour la suite. Vous pouvez fermer cette page.',
    ],
    denied: 'Non autorisé',
    deniedBody: 'Vous n’avez pas donné l’autorisation. Retournez au terminal\u00a0; il indique la suite.',
    failed: 'Cela n’a pas fonctionné',
    failedBody: 'Retournez au terminal\u00a0; il en dit plus.',
    waiting: 'En attente de Google',
    waitingBody: 'Ouvrez l’adresse que le terminal affiche. Google vous ramènera ensuite ici.',
    over: 'C’était déjà terminé',
    overBody: 'Retournez au terminal.',
  },
};
