/** What would end, before it does: of one grant, or of a user. Operators get the button; the choice of the mode is a link. */
import { ENDED_GRANT_OUTCOMES, NOT_ASKED_REASONS } from '../../domain/grant/ended-grant.js';
import type { Grant } from '../../domain/grant/grant.js';
import type { DisconnectMode } from '../../grants/disconnect-grant.js';
import type { EndedGrants, EndedGrant } from '../../grants/end-grants.js';
import { pathWith, userPath } from '../paths.js';
import { Form, Layout, renderConsole, type Viewer } from '../views/layout.js';
import { Card, Choice, Notice, whole } from '../views/parts.js';
import { Table } from '../views/table.js';

interface EndingFacts {
  readonly person: Viewer;
  readonly title: string;
  readonly userId: string;
  /** Of the page and of its form. */
  readonly action: string;
  readonly button: string;
  readonly mode: DisconnectMode;
  readonly plan: EndedGrants;
  /** How many delegated credentials end, too. */
  readonly credentials: number;
  /** How many connects under way are cancelled, too. */
  readonly connects: number;
  /** Whether there are more grants than one call ends. */
  readonly isMore: boolean;
}

const LISTED = 100;

export function endingPage(facts: EndingFacts): string {
  const { person, title, userId, action, button, mode, plan, credentials, connects } = facts;
  const isNothing = plan.grants.length === 0 && credentials === 0 && connects === 0;
  const modes = [
    { name: 'At Google and here', href: pathWith(action, { mode: 'revoke' }), isCurrent: mode === 'revoke' },
    { name: 'Here only', href: pathWith(action, { mode: 'local' }), isCurrent: mode === 'local' },
  ];
  return renderConsole(
    <Layout
      person={person}
      at="/console/users"
      title={title}
      lead="Nothing is changed yet. This is what would happen"
      actions={<Choice name="Where it ends" options={modes} />}
    >
      <div class="stack">
        <Warnings {...facts} />
        <Card title="Ends">
          <Own grants={plan.grants} />
        </Card>
        {plan.also.length === 0 ? null : (
          <Card title="Ends with it at Google" note={`${whole(plan.also.length)} in all`}>
            <Others also={plan.also.slice(0, LISTED)} />
          </Card>
        )}
        <div class="actions">
          {person.role === 'operator' && !isNothing ? (
            <Form person={person} action={action}>
              <input type="hidden" name="mode" value={mode} />
              <button class="danger">{button}</button>
            </Form>
          ) : null}
          <a class="button" href={userPath(userId)}>
            Back to the user
          </a>
        </div>
      </div>
    </Layout>,
  );
}

function Warnings({ mode, plan, credentials, connects, isMore }: EndingFacts) {
  return (
    <>
      {plan.also.length === 0 ? null : (
        <Notice tone="warn">
          Google ends {whole(plan.also.length)} other {plan.also.length === 1 ? 'grant' : 'grants'} with this,
          of any user and client of the same account and Google Cloud project.
        </Notice>
      )}
      {mode === 'local' ? (
        <Notice tone="warn">At Google the access stays valid, and keeps its refresh-token slot.</Notice>
      ) : null}
      {credentials === 0 ? null : (
        <Notice tone="warn">
          {whole(credentials)} delegated {credentials === 1 ? 'credential' : 'credentials'} of this user{' '}
          {credentials === 1 ? 'is' : 'are'} revoked, too.
        </Notice>
      )}
      {connects === 0 ? null : (
        <Notice tone="warn">
          {whole(connects)} {connects === 1 ? 'connect' : 'connects'} under way{' '}
          {connects === 1 ? 'is' : 'are'} cancelled, too.
        </Notice>
      )}
      {isMore ? (
        <Notice tone="warn">
          The user has more grants than are ended together. Offboard again afterwards.
        </Notice>
      ) : null}
    </>
  );
}

function Own({ grants }: { readonly grants: readonly EndedGrant[] }) {
  return (
    <Table
      caption="Grants that end"
      columns={[
        { name: 'Account', cell: ({ grant }) => <Account grant={grant} /> },
        { name: 'Client', cell: ({ grant }) => <code>{grant.client}</code> },
        {
          name: 'What happens',
          cell: ({ outcome, reason }) => {
            const { meaning } = ENDED_GRANT_OUTCOMES[outcome];
            const plan = `${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}`;
            return reason === null ? plan : `${plan}: ${NOT_ASKED_REASONS[reason]}`;
          },
        },
      ]}
      rows={grants}
      empty="The broker holds no grant of this user."
    />
  );
}

function Others({ also }: { readonly also: readonly Grant[] }) {
  return (
    <Table
      caption="Other grants that Google ends"
      columns={[
        { name: 'User', cell: ({ userId }) => <a href={userPath(userId)}>{userId}</a> },
        { name: 'Client', cell: ({ client }) => <code>{client}</code> },
        { name: 'Account', cell: (grant) => <Account grant={grant} /> },
      ]}
      rows={also}
      empty="None."
    />
  );
}

function Account({ grant: { account } }: { readonly grant: Grant }) {
  return <span class="account">{account.email ?? account.sub}</span>;
}
