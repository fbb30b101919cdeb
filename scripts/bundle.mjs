// `npm run build`, second half: dist/src in two files, the broker's and the command line's, with all their packages.
// Finding and reading two thousand files takes longer than all else of a start. Why so: docs/decisions/0012-bundle.md.
import { join } from 'node:path';
import { build } from 'esbuild';

process.chdir(join(import.meta.dirname, '..'));
await build({
  entryPoints: ['dist/src/main.js', 'dist/src/cli/main.js'],
  // As deep as dist/src, so that paths from a file to the project's root hold in both.
  outbase: 'dist/src',
  outdir: 'dist/bundle',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  // What Nest can use and we do not have: it asks for them only when told to.
  external: [
    '@nestjs/microservices',
    '@nestjs/websockets',
    '@nestjs/platform-express',
    '@fastify/multipart',
    '@fastify/view',
  ],
  // Packages of the older kind look for these, which ESM does not have.
  banner: {
    js: [
      "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);",
      'const { filename: __filename, dirname: __dirname } = import.meta;',
    ].join('\n'),
  },
  // Less to keep in memory. Names stay: Nest tells classes apart by them, and people read them in stack traces.
  minifyWhitespace: true,
  lineLimit: 200,
  keepNames: true,
  logLevel: 'warning',
});
