// `npm run token-broker -- ...`: the command line, on the data of the trying mode where nothing else is configured.
if (process.env.NODE_ENV !== 'production') await import('../dist/sandbox/trying/use-running.js');
await import('../dist/bundle/cli/main.js');
