import type { FastifyReply } from 'fastify';

/** Pages of the console show accounts and figures: no browser or proxy may store one. It has one language and no app's face. */
export async function sendConsolePage(reply: FastifyReply, html: string): Promise<void> {
  await reply.header('cache-control', 'no-store').type('text/html; charset=utf-8').send(html);
}
