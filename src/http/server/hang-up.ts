import type { FastifyReply } from 'fastify';

/** @returns a signal that is aborted when the caller goes before it was answered; made only where a call must wait */
export function hangUpOf(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const { raw } = reply;
  const look = () => {
    if (!raw.writableFinished) controller.abort();
  };
  if (raw.destroyed || raw.closed) look();
  else raw.once('close', look);
  return controller.signal;
}
