import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      '**/dist/',
      'data/',
      '.cache/',
      'src/token-store/prisma-client/',
      'clients/typescript/src/api.ts',
      'node_modules/',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // Nest's modules are classes with nothing but a decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true, varsIgnorePattern: '^_' }],
      // Nest's answer classes describe an object's shape to OpenAPI; nobody calls methods on them.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    // Text from outside is compared whole. In patterns `_`, `%`, `.` and `\\` stand for other text: src/domain/access/user-rule.ts
    // has prefixes, src/token-store/grants/grant-row.ts emails.
    files: ['src/**/*.ts'],
    ignores: ['src/**/*.test.ts'],
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
  {
    files: ['src/**/*.ts', 'src/**/*.tsx'],
    ignores: ['src/outbound/http-client.ts', 'src/**/*.test.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        {
          name: 'fetch',
          message: 'Use send() of outbound/http-client.ts: it has limits, and knows the proxies.',
        },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        module: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
      },
    },
  },
);
