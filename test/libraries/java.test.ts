/** google-auth-library-oauth2-http: Debian's of 2019, by the sidecar. A current one wants https for its files. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { testLibrary } from './cases.js';

const JARS = [
  'google-auth-library-oauth2-http',
  'google-auth-library-credentials',
  'google-http-client',
  'google-http-client-jackson2',
  'jackson-core',
  'gson',
  'guava',
  'opencensus-api',
  'opencensus-contrib-http-util',
  'grpc-context',
].map((name) => join('/usr/share/java', `${name}.jar`));
const classes = resolve('node_modules/.cache/java');
const classPath = [classes, ...JARS].join(':');

if (!JARS.slice(0, 2).every((jar) => existsSync(jar)) || spawnSync('javac', ['-version']).status !== 0)
  testLibrary({ missing: "javac or Debian's libgoogle-auth-java is not here: Java was not tried." });
else {
  const source = resolve('test/libraries/programs/Program.java');
  const compiled = spawnSync('javac', ['-cp', classPath, '-d', classes, source], { encoding: 'utf8' });
  if (compiled.status !== 0) throw new Error(compiled.stderr);
  testLibrary({
    name: 'google-auth-library-oauth2-http 0.18 for Java',
    ways: ['sidecar'],
    program: () => ({ command: ['java', '-XX:TieredStopAtLevel=1', '-cp', classPath, 'Program'] }),
    showsRefusals: 'all',
    asksForScopes: [],
    repeats: true,
  });
}
