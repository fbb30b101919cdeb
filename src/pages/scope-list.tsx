import { Icon } from './icon.js';
import type { Locale } from './locale.js';
import { messagesOf } from './messages/messages.js';
import { isKnownScope, wordsOfScope } from './scopes/scope-words.js';

/** The sign-in scopes are part of every request, so they come last. */
const SIGN_IN = /^openid$|\/auth\/userinfo\.(email|profile)$/;

interface ScopeListProps {
  readonly locale: Locale;
  readonly scopes: readonly string[];
  readonly isMissing?: boolean;
}

/** What each scope allows. The address of a scope without words stands below it; those of the others can be unfolded. */
export function ScopeList({ locale, scopes, isMissing = false }: ScopeListProps) {
  const signInLast = scopes.toSorted((one, other) => Number(SIGN_IN.test(one)) - Number(SIGN_IN.test(other)));
  const known = signInLast.filter(isKnownScope);
  return (
    <>
      <ul class={isMissing ? 'box scopes missing' : 'box scopes'}>
        {withoutTwins(signInLast, locale).map((scope) => (
          <li>
            <Icon name={isMissing ? 'circle' : 'check'} />
            <span>
              {wordsOfScope(scope, locale)}
              {isKnownScope(scope) ? null : <code dir="ltr">{scope}</code>}
            </span>
          </li>
        ))}
      </ul>
      {known.length > 0 && (
        <details>
          <summary>{messagesOf(locale).technical(known.length)}</summary>
          <ul>
            {known.map((scope) => (
              <li>
                <code dir="ltr">{scope}</code>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

/** Two scopes can mean the same to a person: said once. */
function withoutTwins(scopes: readonly string[], locale: Locale): string[] {
  const said = new Set<string>();
  return scopes.filter((scope) => {
    const words = isKnownScope(scope) ? wordsOfScope(scope, locale) : scope;
    if (said.has(words)) return false;
    said.add(words);
    return true;
  });
}
