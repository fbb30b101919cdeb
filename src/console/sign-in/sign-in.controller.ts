import { Controller, Get, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Settings } from '../../config/settings.js';
import { BrokerError } from '../../domain/errors.js';
import { Clock } from '../../domain/ports/clock.js';
import { Audit, Audited, type AuditNote } from '../../http/audit.decorator.js';
import { sendPage } from '../../http/page-responses.js';
import { returnPathOf } from '../paths.js';
import { signInPage } from '../views/sign-in-page.js';
import { BrowserState } from './browser-state.js';
import { BeforeSignIn, ConsoleController, EveryRole, Person } from './console.decorator.js';
import { personOf } from './console.guard.js';
import { actorOf, type ConsolePerson, ConsoleSessions } from './console-sessions.js';
import { IdentityProvider, type PendingSignIn } from './identity-provider.js';

/** How long a person may take at the issuer. */
const SIGN_IN_SECONDS = 10 * 60;

type Pending = PendingSignIn & { readonly to: string; readonly expiresAt: number };
type SignInParameters = Readonly<Record<string, unknown>>;

/** Signing in, at the issuer, and out. Each is an audit event under the person's name. */
@Controller('console')
@ConsoleController()
export class SignInController {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly provider: IdentityProvider,
    private readonly browser: BrowserState,
    private readonly sessions: ConsoleSessions,
  ) {}

  @Get('sign-in')
  @BeforeSignIn()
  async show(
    @Query() { to, signed_out: signedOut }: SignInParameters,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (personOf(request)) await reply.redirect(returnPathOf(to), 303);
    else {
      const { issuer = '', isGoogle = false } = this.settings.console ?? {};
      const facts = {
        issuer: isGoogle ? 'Google' : new URL(issuer).host,
        to: returnPathOf(to),
        isSignedOut: signedOut !== undefined,
      };
      await sendPage(reply, signInPage(facts));
    }
  }

  /** A link, not a form: the policy of the page would not let a form lead to the issuer. */
  @Get('sign-in/start')
  @BeforeSignIn()
  async start(@Query() { to }: SignInParameters, @Res() reply: FastifyReply): Promise<void> {
    const pending = this.provider.newSignIn();
    const url = await this.provider.authorizationUrl(pending);
    const expiresAt = this.clock.now().getTime() + SIGN_IN_SECONDS * 1000;
    const content: Pending = { ...pending, to: returnPathOf(to), expiresAt };
    await this.browser.write(reply, 'console-sign-in', content, SIGN_IN_SECONDS);
    await reply.redirect(url, 303);
  }

  @Get('callback')
  @BeforeSignIn()
  @Audited('console.sign_in')
  async callback(
    @Query() query: SignInParameters,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Audit() audit: AuditNote,
  ): Promise<void> {
    // A scanner that looks ahead must not use the code up.
    if (request.method === 'HEAD') {
      audit.omitSuccess();
      await reply.header('cache-control', 'no-store').send();
      return;
    }
    const pending = await this.browser.read<Pending>(request, 'console-sign-in');
    // An answer to another tab, or of another site, leaves the sign-in that is under way.
    if (query['state'] === pending?.state) this.browser.clear(reply, 'console-sign-in');
    if (pending === null || pending.expiresAt < this.clock.now().getTime()) {
      throw new BrokerError('invalid_request', 'The sign-in took too long, or began in another browser.', {
        reason: 'sign_in_expired',
      });
    }
    const identity = await this.provider.identify(parametersOf(query), pending);
    const { email } = identity;
    audit.add({ actor: actorOf({ email }) });
    const role = this.sessions.roleOf(identity);
    if (role === null) {
      throw new BrokerError('not_allowed', `${email} may not use this console.`, { reason: 'not_listed' });
    }
    audit.add({ details: { role } });
    await this.sessions.start(reply, identity);
    await reply.redirect(pending.to, 303);
  }

  @Post('sign-out')
  @EveryRole()
  @Audited('console.sign_out')
  async signOut(@Person() person: ConsolePerson, @Res() reply: FastifyReply): Promise<void> {
    await this.sessions.end(reply, person);
    await reply.redirect('/console/sign-in?signed_out', 303);
  }
}

/** One that came twice has no meaning (RFC 6749 section 3.1). */
function parametersOf(query: SignInParameters): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (typeof value === 'string') parameters.set(name, value);
  }
  return parameters;
}
