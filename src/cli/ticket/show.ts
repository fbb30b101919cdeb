import { Command } from 'commander';
import type { TicketStatusResponse } from '../../connect-tickets/ticket-status.response.js';
import { printResult, type TableResult } from '../shared/command-result.js';
import { EXIT, Failure } from '../shared/failure.js';
import { withBroker } from '../shared/open-broker.js';
import { wrapped } from '../shared/table.js';

const EXAMPLES = `
Examples:
  token-broker ticket show h3k9x2mvq7aw
  token-broker ticket show h3k9x2mvq7aw --json | jq -r .state

Shows how far a connect is, and how it ended. A ticket that ended is kept for a
day; after that, the audit trail says how it ended.`;

export function ticketShow(): Command {
  return new Command('show')
    .description('Show a connect ticket: state, reason, account')
    .argument('<id>', 'the id of a ticket, never its link')
    .addHelpText('after', EXAMPLES)
    .action(printResult(show));
}

function show(id: string): Promise<TableResult> {
  return withBroker(async (broker) => {
    const [{ ConnectTicketsRepository }, { Clock }, { toTicketStatus }] = await Promise.all([
      import('../../token-store/connects/connect-tickets.repository.js'),
      import('../../domain/ports/clock.js'),
      import('../../connect-tickets/ticket-status.response.js'),
    ]);
    const ticket = await broker.get(ConnectTicketsRepository).find(id);
    if (!ticket) {
      throw new Failure(
        EXIT.notFound,
        'ticket_not_found',
        `There is no connect ticket ${id}; one that ended is kept for a day.`,
      );
    }
    const status = toTicketStatus(ticket, broker.get(Clock).now());
    return { text: (width) => inWords(status, width), json: status };
  });
}

const LABEL = 12;

function inWords(status: TicketStatusResponse, width: number): string {
  const { account } = status;
  const facts: [string, string | null][] = [
    ['state', status.state],
    ['reason', status.reason],
    ['purpose', status.purpose === 'manage' ? status.purpose : null],
    ['user', status.user_id],
    ['client', status.client],
    ['scopes', status.scope === '' ? null : status.scope],
    ['account', account && (account.email === null ? account.sub : `${account.email} (${account.sub})`)],
    ['missing', status.missing_scopes.length > 0 ? status.missing_scopes.join(' ') : null],
    ['grant', status.grant_id],
    ['request', status.request_id],
    ['created', status.created_at],
    ['opened', status.opened_at],
    ['started', status.started_at],
    ['ended', status.ended_at],
    ['expires', status.ended_at === null ? status.expires_at : null],
  ];
  const lines = facts.flatMap(([name, value]) =>
    value === null ? [] : [`  ${name.padEnd(LABEL)}${wrapped(value, width, ' '.repeat(LABEL + 2))}`],
  );
  return [`Ticket ${status.id}`, ...lines].join('\n');
}
