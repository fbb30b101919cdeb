import type { Service } from '../../domain/access/policy.js';
import type { Grant } from '../../domain/grant/grant.js';
import { linkPath, userPath } from '../paths.js';
import { LongTextField, SelectField, TextField } from '../views/fields.js';
import { Form, Layout, renderConsole, type Viewer } from '../views/layout.js';
import { Card, Notice, Time } from '../views/parts.js';

interface LinkFormFacts {
  readonly person: Viewer;
  readonly userId: string;
  /** Those that may ask the user. */
  readonly services: readonly Service[];
  readonly clients: readonly string[];
  /** The one to connect again. */
  readonly grant: Grant | null;
}

/** What the link asks the user for. */
export function linkFormPage({ person, userId, services, clients, grant }: LinkFormFacts): string {
  return renderConsole(
    <Layout
      person={person}
      at="/console/users"
      title={`A link for ${userId}`}
      lead={<a href={userPath(userId)}>Back to the user</a>}
    >
      <Card title="What the link asks for">
        {person.role !== 'operator' ? (
          <p class="empty">Only operators make links.</p>
        ) : services.length === 0 ? (
          <p class="empty">No service may act for this user.</p>
        ) : (
          <Form person={person} action={linkPath(userId)}>
            <div class="stack form">
              <SelectField
                name="service"
                label="On behalf of the service"
                value={null}
                options={services.map(({ id, name }) => ({ value: id, name }))}
              />
              <SelectField
                name="client"
                label="Google client"
                value={grant?.client ?? null}
                options={clients.map((alias) => ({ value: alias, name: alias }))}
              />
              <LongTextField
                name="scope"
                label="Scopes"
                value={grant?.requestedScopes.join('\n') ?? null}
                hint="One a line. The policy of the service must allow them"
              />
              <TextField
                name="account"
                label="Only this account"
                value={grant ? (grant.account.email ?? grant.account.sub) : null}
                hint="An email address or a sub; empty: any account"
              />
              <div>
                <button class="primary">Make the link</button>
              </div>
            </div>
          </Form>
        )}
      </Card>
    </Layout>,
  );
}

interface LinkFacts {
  readonly person: Viewer;
  readonly userId: string;
  readonly now: Date;
  readonly serviceName: string;
  readonly id: string;
  readonly url: string;
  readonly expiresAt: Date;
}

/** Shown once: the broker stores only a hash of the link's secret. */
export function linkPage({ person, userId, now, serviceName, id, url, expiresAt }: LinkFacts): string {
  return renderConsole(
    <Layout
      person={person}
      at="/console/users"
      title={`A link for ${userId}`}
      lead={<a href={userPath(userId)}>Back to the user</a>}
    >
      <Notice tone="warn">
        The browser that opens this link connects an account for the user {userId}. Send it to no one else. It
        is shown once.
      </Notice>
      <Card title="Link" note={`Ticket ${id}, on behalf of ${serviceName}`}>
        <div class="stack">
          <code class="copied">{url}</code>
          <p class="soft">
            It works once, in one browser, and ends <Time at={expiresAt} now={now} />.{' '}
            <a href="/console/tickets">Tickets</a> shows how far it is.
          </p>
        </div>
      </Card>
    </Layout>,
  );
}
