// Lets Node.js import the TypeScript of this repository as it is, with the compiler that builds it (.swcrc: decorators and
// their metadata, which Node's own type stripping refuses). Jest runs setup files in each worker, before any test file.
// Compiled text is kept in node_modules/.cache, by digest.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = join(import.meta.dirname, '..', '..');
const OURS = pathToFileURL(`${ROOT}/`).href;
const CACHE = join(ROOT, 'node_modules', '.cache', 'token-broker-tests');
const configuration = readFileSync(join(ROOT, '.swcrc'), 'utf8');
const require = createRequire(import.meta.url);
const { version } = require('@swc/core/package.json');
mkdirSync(CACHE, { recursive: true });
// Stack traces name lines of the sources.
process.setSourceMapsEnabled(true);

registerHooks({
  /** Sources import './x.js', as Node.js wants of the compiled files; here './x.ts' or './x.tsx' stands for it. */
  resolve(specifier, context, nextResolve) {
    if (specifier === '@jest/globals')
      return { url: import.meta.resolve('./jest-globals.mjs'), shortCircuit: true };
    if (specifier.startsWith('.') && specifier.endsWith('.js') && isSource(context.parentURL)) {
      const url = new URL(specifier, context.parentURL).href;
      for (const source of [url.replace(/\.js$/, '.ts'), url.replace(/\.js$/, '.tsx')])
        if (existsSync(fileURLToPath(source))) return { url: source, shortCircuit: true };
    }
    return nextResolve(specifier, context);
  },
  load(url, context, nextLoad) {
    if (!isSource(url)) return nextLoad(url, context);
    return { format: 'module', source: compile(fileURLToPath(url)), shortCircuit: true };
  },
});

function isSource(url) {
  return url?.startsWith(OURS) && !url.includes('/node_modules/') && /\.tsx?(\?|$)/.test(url);
}

function compile(path) {
  const text = readFileSync(path, 'utf8');
  const digest = createHash('sha256').update(`${version}\0${configuration}\0${path}\0${text}`).digest('hex');
  const cached = join(CACHE, `${digest}.mjs`);
  if (existsSync(cached)) return readFileSync(cached, 'utf8');
  const { code } = require('@swc/core').transformSync(text, {
    filename: path,
    root: ROOT,
    sourceMaps: 'inline',
  });
  const unfinished = `${cached}.${process.pid}`;
  writeFileSync(unfinished, code);
  renameSync(unfinished, cached);
  return code;
}
