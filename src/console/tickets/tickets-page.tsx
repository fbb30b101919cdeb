import { ANY_CLIENT } from '../../domain/connect/connect-request.js';
import {
  type ConnectTicket,
  stateAt,
  TICKET_STATES,
  type TicketState,
} from '../../domain/connect/connect-ticket.js';
import { grantPath, ticketPath, userPath } from '../paths.js';
import { optionsOf, SearchForm, SelectField, TextField } from '../views/fields.js';
import { Form, Layout, renderConsole, type Viewer } from '../views/layout.js';
import { Badge, Card, Notice, Time } from '../views/parts.js';
import { Pager, Table } from '../views/table.js';

interface TicketsFacts {
  readonly person: Viewer;
  readonly now: Date;
  readonly service: string | null;
  readonly state: TicketState | null;
  readonly tickets: readonly ConnectTicket[];
  readonly next: string | null;
  readonly done: string | null;
}

const TONES: Readonly<Record<TicketState, 'good' | 'warn' | 'bad' | 'info' | 'plain'>> = {
  created: 'info',
  opened: 'info',
  at_google: 'info',
  pending: 'info',
  success: 'good',
  partial: 'warn',
  denied: 'warn',
  failed: 'bad',
  cancelled: 'plain',
  expired: 'plain',
};

const OPEN: readonly TicketState[] = ['created', 'opened', 'at_google', 'pending'];

/** Connect tickets, how far each one is and how it ended. */
export function ticketsPage({ person, now, service, state, tickets, next, done }: TicketsFacts): string {
  const rows = tickets.map((ticket) => ({ ...ticket, current: stateAt(ticket, now) }));
  return renderConsole(
    <Layout
      person={person}
      at="/console/tickets"
      title="Tickets"
      lead="Links that take users to Google. One that ended is kept for a day"
      actions={
        person.role === 'operator' ? (
          <form method="get" action="/console/tickets/new" class="inline">
            <input name="user" aria-label="User id" placeholder="User id" required autocomplete="off" />
            <button class="primary">Make a link</button>
          </form>
        ) : undefined
      }
    >
      {done === 'cancelled' ? (
        <Notice tone="good">The ticket is cancelled. Its link does not work any more.</Notice>
      ) : null}
      {done === 'ended' ? (
        <Notice tone="warn">The ticket had ended before. Nothing was changed.</Notice>
      ) : null}
      <SearchForm action="/console/tickets">
        <TextField name="service" label="Service" value={service} placeholder="Name or id" />
        <SelectField
          name="state"
          label="State"
          any="Every state"
          value={state}
          options={optionsOf(TICKET_STATES)}
        />
      </SearchForm>
      <Card title="Connect tickets" note="Those that expire last first">
        <Table
          caption="Tickets of all services"
          columns={[
            {
              name: 'User',
              cell: ({ id, connectRequest: { userId } }) => (
                <>
                  <a href={userPath(userId)}>{userId}</a>
                  <div class="soft small">
                    <code>{id}</code>
                  </div>
                </>
              ),
            },
            {
              name: 'State',
              cell: ({ current, reason }) => (
                <>
                  <Badge tone={TONES[current]}>{current.replaceAll('_', ' ')}</Badge>
                  {reason === null ? null : <div class="soft small">{reason.replaceAll('_', ' ')}</div>}
                </>
              ),
            },
            {
              name: 'Service',
              cell: ({ connectRequest: { purpose, serviceName, client } }) => (
                <>
                  {serviceName}
                  <div class="soft small">
                    {purpose === 'manage' ? "the user's own page, " : null}
                    {client === ANY_CLIENT ? (
                      'all clients'
                    ) : (
                      <>
                        with <code>{client}</code>
                      </>
                    )}
                  </div>
                </>
              ),
            },
            { name: 'Made', cell: ({ createdAt }) => <Time at={createdAt} now={now} /> },
            {
              name: 'Ended or expires',
              cell: ({ endedAt, expiresAt }) => <Time at={endedAt ?? expiresAt} now={now} />,
            },
            {
              name: 'Grant',
              cell: ({ id, grantId }) =>
                grantId === null ? (
                  '–'
                ) : (
                  <a href={grantPath(grantId)}>
                    Show<span class="hidden"> the grant of {id}</span>
                  </a>
                ),
            },
            ...(person.role === 'operator'
              ? [
                  {
                    name: 'Cancel ticket',
                    cell: ({ id, current }: (typeof rows)[number]) =>
                      OPEN.includes(current) ? (
                        <Form person={person} action={`${ticketPath(id)}/cancel`}>
                          <button class="link">
                            Cancel<span class="hidden"> the ticket {id}</span>
                          </button>
                        </Form>
                      ) : (
                        ''
                      ),
                  },
                ]
              : []),
          ]}
          rows={rows}
          empty={
            service === null && state === null
              ? 'No service has asked a user to connect within the last day.'
              : 'There are no such tickets on this page.'
          }
        />
        <Pager next={next} />
      </Card>
    </Layout>,
  );
}
