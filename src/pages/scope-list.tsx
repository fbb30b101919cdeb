import { Icon } from './icon.js';
import type { Locale } from './locale.js';
import { connectMessagesOf } from './messages/messages.js';
import { Name, UNTRANSLATED } from './page.js';
import { isKnownScope, wordsOfScope } from './scopes/scope-words.js';

/** The sign-in scopes are part of every request, so they come last. */
const SIGN_IN = /^openid$|\/auth\/userinfo\.(email|profile)$/;

/** Why the app needs scopes, in its own words. */
interface Reasons {
  readonly app: string;
  readonly byScope: Readonly<Record<string, string>> | undefined;
}

interface ScopeListProps {
  readonly locale: Locale;
  readonly scopes: readonly string[];
  readonly isMissing?: boolean;
  readonly reasons?: Reasons;
  /** Without the addresses of scopes that have words, on a page that lists several accounts. */
  readonly isBrief?: boolean;
}

/** What each scope allows. The address of a scope without words stands below it; those of the others can be unfolded. */
export function ScopeList({ locale, scopes, isMissing = false, reasons, isBrief = false }: ScopeListProps) {
  const signInLast = scopes.toSorted((one, other) => Number(SIGN_IN.test(one)) - Number(SIGN_IN.test(other)));
  const known = signInLast.filter(isKnownScope);
  const shown = withoutTwins(signInLast, locale, reasons?.byScope ?? {});
  return (
    <>
      <ul class={isMissing ? 'box scopes missing' : 'box scopes'}>
        {shown.map(({ scope, reason }) => (
          <li>
            <Icon name={isMissing ? 'circle' : 'check'} />
            <div>
              {wordsOfScope(scope, locale)}
              {isKnownScope(scope) ? null : (
                <code dir="ltr" {...UNTRANSLATED}>
                  {scope}
                </code>
              )}
              {reason === undefined || !reasons ? null : (
                <figure>
                  <figcaption>{connectMessagesOf(locale).says(<Name>{reasons.app}</Name>)}</figcaption>
                  <blockquote dir="auto">{reason}</blockquote>
                </figure>
              )}
            </div>
          </li>
        ))}
      </ul>
      {known.length > 0 && !isBrief && (
        <details>
          <summary>{connectMessagesOf(locale).technical(known.length)}</summary>
          <ul>
            {known.map((scope) => (
              <li>
                <code dir="ltr" {...UNTRANSLATED}>
                  {scope}
                </code>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

interface ShownScope {
  readonly scope: string;
  readonly reason: string | undefined;
}

/** Two scopes can mean the same to a person: said once, with the reason of either. */
function withoutTwins(
  scopes: readonly string[],
  locale: Locale,
  reasons: Readonly<Record<string, string>>,
): ShownScope[] {
  const shown = new Map<string, ShownScope>();
  for (const scope of scopes) {
    const words = isKnownScope(scope) ? wordsOfScope(scope, locale) : scope;
    const { reason, scope: first } = shown.get(words) ?? { scope, reason: undefined };
    shown.set(words, { scope: first, reason: reason ?? reasons[scope] });
  }
  return [...shown.values()];
}
