// `npm run token-broker -- ...`: the command line, with the settings of the running trial mode where none are configured.
if (process.env.NODE_ENV !== 'production') await import('../dist/sandbox/trial/use-running.js');
await import('../dist/bundle/cli/main.js');
