// `npm run build`, second half: dist/src as bundles, the broker's and the command line's, with all their packages.
// Finding and reading two thousand files takes longer than the rest of a start. See docs/decisions/0012-bundle.md.
import { Buffer } from 'node:buffer';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'rolldown';

const root = join(import.meta.dirname, '..');

// As deep as dist/src, so that paths from a file to the project's root hold in both.
const bundles = [
  { input: 'dist/src/main.js', dir: 'dist/bundle' },
  { input: 'dist/src/cli/main.js', dir: 'dist/bundle/cli' },
];

/**
 * Optional packages of Nest, not installed: it loads them only when configured. Of Fastify: what injects requests, and what
 * compiles schemas (http/server/http-server.ts).
 */
const NEVER_LOADED =
  /^@nestjs\/(microservices|websockets|platform-express)|^@fastify\/(multipart|view|ajv-compiler|fast-json-stringify-compiler)$|^light-my-request$/;

/** Of these the bundle takes their ES modules, and so only what is imported: a megabyte less. */
const ES_MODULES = {
  'class-validator': 'class-validator/esm2015/index.js',
  'class-transformer': 'class-transformer/esm2015/index.js',
  rxjs: 'rxjs/dist/esm/index.js',
  'rxjs/operators': 'rxjs/dist/esm/operators/index.js',
};
const alias = Object.fromEntries(
  Object.entries(ES_MODULES).map(([name, path]) => [`${name}$`, join(root, 'node_modules', path)]),
);

rmSync(join(root, 'dist/bundle'), { recursive: true, force: true });
await Promise.all(bundles.map(({ input, dir }) => bundle(input, join(root, dir))));

function bundle(input, dir) {
  return build({
    cwd: root,
    input,
    platform: 'node',
    external: (id, importer) =>
      NEVER_LOADED.test(id) ||
      // src/http/validation/ gives Nest its parts.
      (/^class-(validator|transformer)$/.test(id) && /node_modules.@nestjs/.test(importer ?? '')),
    plugins: [wasmFiles(dir), nodeHttp()],
    resolve: { alias },
    output: {
      dir,
      format: 'esm',
      // What is imported when it is needed is a file of its own: the rest of a process neither reads nor keeps it.
      chunkFileNames: '[name].js',
      sourcemap: true,
      // For one character beyond ASCII, V8 would keep the whole file in two bytes each. Licences are in node_modules.
      charset: 'ascii',
      comments: false,
    },
  });
}

/**
 * `import 'node:http'` reads all its exports, among them WebSocket: for that Node.js loads undici, which is not used. Read by
 * process.getBuiltinModule, each is read when it is used.
 */
function nodeHttp() {
  const id = '\0node-http.cjs';
  return {
    name: 'node-http',
    resolveId: (source) => (/^(node:)?http$/.test(source) ? id : null),
    load: (loaded) =>
      loaded === id ? { code: `module.exports = process.getBuiltinModule('node:http');` } : null,
  };
}

/**
 * Prisma's WebAssembly comes as base64 in a module, which V8 would parse and keep. Here it is a file of bytes. Prisma gives what the
 * module exports to Buffer.from, which takes the value of an object: so the bytes are read then, and kept by no module.
 */
function wasmFiles(dir) {
  return {
    name: 'wasm-files',
    load(id) {
      if (!id.endsWith('.wasm-base64.mjs')) return null;
      const [, base64] = /"([A-Za-z0-9+/=]{1000,})"/.exec(readFileSync(id, 'utf8')) ?? [];
      if (base64 === undefined)
        throw new Error(`${id} has no WebAssembly in base64: change scripts/bundle.mjs`);
      const name = basename(id).replace('.wasm-base64.mjs', '.wasm');
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, name), Buffer.from(base64, 'base64'));
      return `import { readFileSync } from 'node:fs';
        const file = new URL(${JSON.stringify(`./${name}`)}, import.meta.url);
        export const wasm = { valueOf: () => readFileSync(file) };`;
    },
  };
}
