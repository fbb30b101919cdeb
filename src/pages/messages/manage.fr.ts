import type { ManageMessages } from './manage.en.js';
import { onDay, plural } from './plural.js';

export const MANAGE_FR: ManageMessages = {
  title: 'Vos comptes Google associés',
  entry: {
    body: (app) => [
      'Vous voyez ici ce que ',
      app,
      ' peut utiliser de vos comptes Google, et vous pouvez y mettre fin.',
    ],
    button: 'Afficher mes comptes associés',
    notYou: (user) => [
      'Vous n’êtes pas ',
      user,
      '\u00a0? Fermez cette page\u00a0: rien n’a encore été affiché.',
    ],
  },
  lead: (app, user) => ['Ce que ', app, ' peut utiliser des comptes Google de ', user, '.'],
  none: (app) => [app, ' n’est associé à aucun de vos comptes Google.'],
  status: {
    active: 'Associé',
    suspended: 'Suspendu par Google',
    revoking: 'En cours de dissociation',
    dead: 'Ne marche plus',
  },
  explain: {
    suspended:
      'Google a désactivé ce compte. L’accès reprendra tout seul dès que le compte sera réactivé.',
    revoking:
      'L’application n’a plus accès. Google doit encore le confirmer\u00a0; cela se poursuit sans vous.',
    dead: 'Google n’accepte plus l’autorisation. Associez de nouveau le compte si vous voulez continuer.',
    admin: 'L’administrateur de votre Google Workspace doit d’abord autoriser cette application.',
    serviceAccount:
      'Cet accès a été mis en place par les responsables de l’application. Ce n’est pas un de vos comptes Google\u00a0; adressez-vous à eux.',
  },
  since: (day) => `Autorisé le ${onDay('fr', day)}.`,
  ends: (day) => `Google y met fin le ${onDay('fr', day)}.`,
  reconnect: 'Associer de nouveau',
  allowRest: 'Autoriser le reste',
  disconnect: 'Dissocier',
  onlyShown: (app) => [
    'Pour mettre fin à un accès, adressez-vous à ',
    app,
    ', ou faites-le dans votre compte Google.',
  ],
  google: (link) => [
    'Google indique toutes les applications que vous avez associées dans ',
    link('votre compte Google'),
    '.',
  ],
  more: 'En afficher plus',
  confirm: {
    title: 'Dissocier ce compte\u00a0?',
    revoke: (app, account) => [
      app,
      ' ne pourra plus utiliser ',
      account,
      '. Google met fin à l’autorisation, et ce qui est enregistré ici est supprimé.',
    ],
    local: (app, account) => [
      app,
      ' ne pourra plus utiliser ',
      account,
      ', et ce qui est enregistré ici est supprimé. Google continuera d’indiquer l’application tant que vous ne l’y aurez pas retirée.',
    ],
    dead: (account) => [
      'L’autorisation de ',
      account,
      ' ne marche plus. Ce qui est encore enregistré ici est supprimé.',
    ],
    others: (account, count) => [
      'Google met fin à toutes les autorisations de ',
      account,
      plural('fr', count, {
        one: ' à la fois\u00a0: # autre accès prend fin avec celui-ci, peut-être celui d’un autre utilisateur.',
        other: ' à la fois\u00a0: # autres accès prennent fin avec celui-ci, peut-être ceux d’autres utilisateurs.',
      }),
    ],
    own: 'Parmi eux, ce que vous aviez autorisé vous-même',
    loses: 'Ce qui ne sera plus possible',
    keep: 'Garder',
  },
  done: {
    revoked: 'Compte dissocié. Google a mis fin à l’autorisation, et elle est supprimée ici.',
    revoking: 'Compte dissocié. Google doit encore le confirmer\u00a0; cela se poursuit sans vous.',
    deleted: 'Compte dissocié. Ce qui était enregistré ici est supprimé.',
    kept: 'Cet accès ne peut pas prendre fin pour le moment. Adressez-vous aux responsables de l’application.',
    gone: 'Cela avait changé entre-temps. Voici l’état actuel.',
  },
  connected: {
    success: 'Le compte est associé.',
    partial: 'Le compte est associé, mais vous n’avez pas tout autorisé.',
    pending: 'Google a donné son autorisation. Elle sera enregistrée dans un instant.',
    denied: 'Vous ne l’avez pas autorisé. Rien n’a changé.',
    failed: 'L’association n’a pas marché. Rien n’a changé\u00a0; réessayez.',
  },
};
