import { parser } from 'typescript-eslint';

/**
 * Text from outside is compared whole. In patterns `_`, `%`, `.` and `\\` stand for other text: src/domain/access/user-rule.ts
 * has prefixes, src/token-store/grants/grant-row.ts emails. Everything else is oxlint's part, which has no rule for syntax.
 */
export default [
  { ignores: ['src/token-store/prisma-client/'] },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/**/*.test.ts'],
    languageOptions: { parser },
    // The comments are for oxlint.
    linterOptions: { reportUnusedDisableDirectives: 'off' },
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: "Property[key.name='mode'][value.value='insensitive']",
          message: 'This is ILIKE: the text is a pattern. Compare lower(x) with lower(y) in SQL.',
        },
        {
          selector:
            'ObjectExpression > Property[key.name=/^(startsWith|endsWith|contains|search|string_(contains|starts_with|ends_with))$/]',
          message: 'This is LIKE: the text is a pattern. Compare a range of user ids, or whole text.',
        },
        ...['TemplateElement[value.raw', 'Literal[value'].map((text) => ({
          selector: `${text}=/\\b(I?LIKE|SIMILAR\\s+TO)\\b(?!\\s+'(?:[^']|'')*'(?!')(?!\\s*\\|\\|))|\\b(regexp_\\w+|starts_with)\\(|\\s!?~~?\\*?\\s*(\\$\\d|$)/]`,
          message: 'The text behind this operator is a pattern, or a prefix without an index.',
        })),
        {
          selector: "NewExpression[callee.name='RegExp'], CallExpression[callee.name='RegExp']",
          message: 'Text that becomes a pattern is no longer compared. Write the expression out.',
        },
        {
          selector:
            'BinaryExpression[operator=/^[!=]==$/][right.type!="Literal"] > CallExpression.left > MemberExpression[property.name=/^to(Locale)?(Lower|Upper)Case$/]',
          message: 'Fold emails and domains with foldEmail of src/domain/text.ts, on both sides.',
        },
      ],
    },
  },
];
