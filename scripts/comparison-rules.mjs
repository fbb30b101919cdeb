/**
 * Text from outside is compared whole. In patterns `_`, `%`, `.` and `\\` stand for other text: src/domain/access/user-rule.ts
 * has prefixes, src/token-store/grants/grant-row.ts emails. A plugin of oxlint (`.oxlintrc.json`), which has no rule of its own
 * that forbids syntax.
 */
const PATTERN =
  /\b(I?LIKE|SIMILAR\s+TO)\b(?!\s+'(?:[^']|'')*'(?!')(?!\s*\|\|))|\b(regexp_\w+|starts_with)\(|\s!?~~?\*?\s*(\$\d|$)/;
const FORBIDDEN = {
  "Property[key.name='mode'][value.value='insensitive']":
    'This is ILIKE: the text is a pattern. Compare lower(x) with lower(y) in SQL.',
  'ObjectExpression > Property[key.name=/^(startsWith|endsWith|contains|search|string_(contains|starts_with|ends_with))$/]':
    'This is LIKE: the text is a pattern. Compare a range of user ids, or whole text.',
  "NewExpression[callee.name='RegExp'], CallExpression[callee.name='RegExp']":
    'Text that becomes a pattern is no longer compared. Write the expression out.',
  'BinaryExpression[operator=/^[!=]==$/][right.type!="Literal"] > CallExpression.left > MemberExpression[property.name=/^to(Locale)?(Lower|Upper)Case$/]':
    'Fold emails and domains with foldEmail of src/domain/text.ts, on both sides.',
};

const wholeText = {
  create(context) {
    const inText = (text, node) => {
      if (typeof text === 'string' && PATTERN.test(text))
        context.report({
          node,
          message: 'The text behind this operator is a pattern, or a prefix without an index.',
        });
    };
    const selectors = Object.entries(FORBIDDEN).map(([selector, message]) => [
      selector,
      (node) => context.report({ node, message }),
    ]);
    return {
      ...Object.fromEntries(selectors),
      TemplateElement: (node) => inText(node.value.raw, node),
      Literal: (node) => inText(node.value, node),
    };
  },
};

export default { meta: { name: 'comparison' }, rules: { 'whole-text': wholeText } };
