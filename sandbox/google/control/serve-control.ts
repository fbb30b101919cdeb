/** The control object over HTTP: POST /_control/<command>, a JSON array of arguments in, its result as JSON out. */
import type { FastifyInstance } from 'fastify';
import type { Control } from './control.js';

type Commands = Partial<Record<string, object | ((...given: unknown[]) => unknown)>>;

export function serveControl(app: FastifyInstance, control: Control): void {
  const commands = control as unknown as Commands;
  app.get('/_control', () => Object.keys(control));

  app.post<{ Params: { command: string }; Body: unknown }>('/_control/:command', async (request, reply) => {
    const { command } = request.params;
    if (!Object.hasOwn(control, command)) {
      return reply
        .code(404)
        .send({ error: `No such command; there are: ${Object.keys(control).join(', ')}` });
    }
    const given: unknown = request.body ?? [];
    if (!Array.isArray(given)) return reply.code(400).send({ error: 'Arguments come as a JSON array.' });
    const member = commands[command];
    let result: unknown;
    try {
      result = typeof member === 'function' ? await member(...(given as unknown[])) : member;
    } catch (error) {
      return reply.code(400).send({ error: (error as Error).message });
    }
    return reply
      .header('content-type', 'application/json; charset=utf-8')
      .send(JSON.stringify(result ?? null));
  });
}
