// `npm start`: in production the broker alone; otherwise whatever is not configured is filled in for trying.
if (process.env.NODE_ENV === 'production') await import('../dist/src/main.js');
else await import('../dist/sandbox/trying/start.js');
