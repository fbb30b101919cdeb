import { expect, test } from '@jest/globals';
import { hasPrompt, type Prompt } from './oauth.js';

test.each<[Prompt | null | undefined, boolean, boolean]>([
  ['consent', true, false],
  ['select_account', false, true],
  ['consent select_account', true, true],
  [null, false, false],
  [undefined, false, false],
])(
  'the prompt %p has the consent screen as %p, and the account chooser as %p',
  (prompt, consent, chooser) => {
    expect([hasPrompt(prompt, 'consent'), hasPrompt(prompt, 'select_account')]).toEqual([consent, chooser]);
  },
);
