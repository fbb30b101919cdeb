// The time limit of each test and hook: jest-light-runner has none. A test that hangs fails, and the next one runs.
const LIMIT_MS = 90_000;
// Those of Node.js, also while a test replaces them.
const { setTimeout, clearTimeout } = globalThis;

/** As `handleTestEvent` of a Jest environment gets them (jest-circus). */
globalThis[Symbol.for('EVENT_HANDLERS')].push((event, { currentDescribeBlock }) => {
  if (event.name === 'add_test') limit(currentDescribeBlock.children.at(-1), event.timeout);
  if (event.name === 'add_hook') limit(currentDescribeBlock.hooks.at(-1), event.timeout);
});

function limit(entry, timeout = LIMIT_MS) {
  const { fn } = entry;
  if (!fn) return;
  if (fn.length > 0) throw new Error('A test returns a promise; it gets no callback.');
  entry.fn = () => {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(reject, timeout, new Error(`Did not end within ${timeout} ms.`));
    });
    return Promise.race([Promise.resolve().then(fn), late]).finally(() => clearTimeout(timer));
  };
}
