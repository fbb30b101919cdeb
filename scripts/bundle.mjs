// `npm run build`, second half: dist/src in two files, the broker's and the command line's, with all their packages.
// Finding and reading two thousand files takes longer than the rest of a start. See docs/decisions/0012-bundle.md.
import { join } from 'node:path';
import { build } from 'rolldown';

// As deep as dist/src, so that paths from a file to the project's root hold in both.
await build(['main.js', 'cli/main.js'].map(bundle));

function bundle(file) {
  return {
    cwd: join(import.meta.dirname, '..'),
    input: `dist/src/${file}`,
    platform: 'node',
    // Optional packages of Nest, not installed: it loads them only when configured.
    external: /^@nestjs\/(microservices|websockets|platform-express)|^@fastify\/(multipart|view)$/,
    output: {
      file: `dist/bundle/${file}`,
      format: 'esm',
      // One file each, dynamic imports included.
      codeSplitting: false,
      sourcemap: true,
      // For one character beyond ASCII, V8 would keep the whole file in two bytes each. Licences are in node_modules.
      charset: 'ascii',
      comments: false,
    },
  };
}
