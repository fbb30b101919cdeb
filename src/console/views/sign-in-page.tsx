import { Alone, renderConsole } from './layout.js';
import { Notice } from './parts.js';

interface SignInFacts {
  /** Its name, as people know it. */
  readonly issuer: string;
  readonly to: string;
  readonly isSignedOut: boolean;
}

export function signInPage({ issuer, to, isSignedOut }: SignInFacts): string {
  const start = `/console/sign-in/start?${new URLSearchParams({ to })}`;
  return renderConsole(
    <Alone title="Operator's console">
      {isSignedOut ? <Notice tone="good">You are signed out.</Notice> : null}
      <p class="soft">
        What is connected, what is failing, and who must act. For the people who run this broker.
      </p>
      <a class="button primary" href={start}>
        Continue with {issuer}
      </a>
      <p class="soft small">A session lasts 8 hours. What you do here is recorded under your name.</p>
    </Alone>,
  );
}
