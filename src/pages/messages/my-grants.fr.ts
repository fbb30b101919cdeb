import type { MyGrantsMessages } from './my-grants.en.js';
import { onDay, plural } from '../locale.js';

export const MY_GRANTS_FR: MyGrantsMessages = {
  title: 'Vos comptes Google associés',
  entry: {
    body: (app) => [
      'Découvrez ce que ',
      app,
      ' peut utiliser dans vos comptes Google, et dissociez ce que vous ne voulez plus.',
    ],
    button: 'Afficher mes comptes associés',
    notYou: (user) => [
      'Vous n’êtes pas ',
      user,
      '\u00a0? Fermez cette page\u00a0: rien n’a encore été affiché.',
    ],
  },
  lead: (app, user) => ['Comptes Google associés à ', app, ' pour ', user, '.'],
  none: (app) => ['Aucun de vos comptes Google n’est associé à ', app, '.'],
  status: {
    active: 'Associé',
    partial: 'Associé en partie',
    suspended: 'Suspendu par Google',
    revoking: 'En cours de dissociation',
    dead: 'Ne fonctionne plus',
  },
  explain: {
    suspended: 'Google a désactivé ce compte. L’accès reprendra tout seul dès que le compte sera réactivé.',
    revoking: 'L’application n’a plus accès. Google doit encore le confirmer\u00a0; inutile d’attendre.',
    dead: 'Google n’accepte plus l’autorisation. Associez de nouveau le compte pour continuer à l’utiliser.',
    admin: 'L’administrateur de votre Google Workspace doit d’abord autoriser cette application.',
    serviceAccount:
      'Cet accès a été mis en place par les responsables de l’application. Ce n’est pas l’un de vos comptes Google\u00a0; adressez-vous à eux pour le modifier.',
  },
  since: (day) => `Autorisé le ${onDay('fr', day)}.`,
  ends: (day) => `Google y met fin le ${onDay('fr', day)}.`,
  reconnect: 'Associer de nouveau',
  allowRest: 'Autoriser le reste',
  disconnect: 'Dissocier',
  onlyShown: (app) => [
    'Pour mettre fin à une association, adressez-vous à ',
    app,
    ', ou faites-le dans votre compte Google.',
  ],
  google: (link) => [
    'Vous pouvez aussi consulter et retirer les applications associées dans ',
    link('votre compte Google'),
    '.',
  ],
  more: 'Afficher plus',
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
      ', et ce qui est enregistré ici est supprimé. Google continuera d’afficher l’application tant que vous ne l’aurez pas retirée là aussi.',
    ],
    dead: (account) => [
      'L’autorisation du compte ',
      account,
      ' ne fonctionne plus. Ce qui est encore enregistré ici est supprimé.',
    ],
    others: (account, count) => [
      'Google met fin à toutes les autorisations du compte ',
      account,
      plural('fr', count, {
        one: ' en même temps\u00a0: # autre association prend fin avec celle-ci, peut-être celle d’un autre utilisateur.',
        other:
          ' en même temps\u00a0: # autres associations prennent fin avec celle-ci, peut-être celles d’autres utilisateurs.',
      }),
    ],
    own: 'Cela met aussi fin à ce que vous avez autorisé par d’autres associations de ce compte',
    loses: 'Ce qui ne sera plus possible',
    keep: 'Conserver',
  },
  done: {
    revoked: 'Compte dissocié. Google a mis fin à l’autorisation, et elle a été supprimée ici.',
    revoking: 'Compte dissocié. Google doit encore le confirmer\u00a0; inutile d’attendre.',
    deleted: 'Compte dissocié. Ce qui était enregistré ici a été supprimé.',
    kept: 'Il n’est pas possible de mettre fin à cette association pour le moment. Adressez-vous aux responsables de l’application.',
    gone: 'Cela a changé entre-temps. Voici l’état actuel.',
  },
  connected: {
    success: 'Le compte est associé.',
    partial: 'Le compte est associé, mais vous n’avez pas tout autorisé.',
    pending: 'Vous avez donné votre consentement. Il sera enregistré dans un instant.',
    denied: 'Vous ne l’avez pas autorisé. Rien n’a changé.',
    failed: 'L’association n’a pas fonctionné. Rien n’a changé\u00a0; réessayez.',
  },
};
