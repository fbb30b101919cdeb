import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problems } from '../../http/problem/problem.js';
import { sendPage } from '../../http/page-responses.js';
import { Settings } from '../../config/settings.js';
import { problemHeaders } from '../../http/problem/send-problem.js';
import { signInAddress } from '../paths.js';
import { problemPage } from '../views/problem-page.js';

/** There is no session. @param path where to continue after the sign-in */
export class SignInNeeded extends Error {
  override readonly name = 'SignInNeeded';

  constructor(readonly path: string | null) {
    super('The console needs a sign-in.');
  }
}

/** Answers the errors of the console with its own pages. A session that is over leads to the sign-in, and back. */
@Catch()
export class ConsoleFilter implements ExceptionFilter {
  readonly #log = new Logger('Console');

  constructor(
    private readonly problems: Problems,
    private readonly settings: Settings,
  ) {}

  async catch(fault: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    if (fault instanceof SignInNeeded) {
      await reply.redirect(signInAddress(fault.path), 303);
      return;
    }
    const problem = this.problems.of(fault, request.id);
    if (problem.code === 'internal_error') this.#log.error(fault);
    void reply.status(problem.status).headers(problemHeaders(problem, this.settings.publicUrl));
    await sendPage(reply, problemPage(problem));
  }
}
