/**
 * How a program gets to know a credentials file: lines for a shell, and parts of a Kubernetes manifest. Owns quoting. Does
 * not own which variable a library reads (library-notes.ts).
 */
import { basename, dirname } from 'node:path';

/** Lines for `eval`, whatever the values hold. */
export function exportLines(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quotedShell(value)}\n`)
    .join('');
}

/** POSIX, Shell Command Language, section 2.2.2: between single quotes everything but a single quote is literal. */
function quotedShell(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}

export interface MountedFile {
  /** On this machine. */
  readonly path: string;
  /** As they are in the Pod: see `pathInPod`. */
  readonly variables: Readonly<Record<string, string>>;
  /** The workload JWT that the file names, and for whom it must be issued; null where there is none. */
  readonly jwt: { readonly file: string; readonly audience: string } | null;
  /** The service key that the file names. */
  readonly keyFile: string | null;
}

/** Not where docs/workload-identity.md has the JWT: a Pod with two mounts at one path is refused. */
const MOUNT = '/var/run/secrets/token-broker-files';

/**
 * What belongs into a Pod. Keys and credentials are Secrets; a JWT is projected by the kubelet, which replaces it in time.
 * A rclone configuration is written by rclone, so it cannot stay where a Secret is mounted: docs/libraries.md.
 */
export function kubernetesSnippet({ path, variables, jwt, keyFile }: MountedFile): string {
  const name = basename(path);
  const from = [`--from-file=${quotedShell(`${name}=${path}`)}`];
  if (keyFile !== null) from.push(`--from-file=${quotedShell(`${basename(keyFile)}=${keyFile}`)}`);
  return lines([
    `# kubectl create secret generic token-broker ${from.join(' ')}`,
    'env:',
    ...Object.entries(variables).flatMap(([variable, value]) => [
      `  - name: ${variable}`,
      `    value: ${JSON.stringify(value)}`,
    ]),
    'volumeMounts:',
    ...mount('token-broker', MOUNT),
    ...(jwt === null ? [] : mount('token-broker-identity', dirname(jwt.file))),
    'volumes:',
    '  - name: token-broker',
    '    secret:',
    // Files of the default mode are readable also where the Pod does not run as root and has no fsGroup.
    '      secretName: token-broker',
    ...(jwt === null ? [] : projected(jwt)),
  ]);
}

/** Where a file of this machine is in a Pod. */
export function pathInPod(path: string): string {
  return `${MOUNT}/${basename(path)}`;
}

/** Why a JWT cannot be mounted where this file says; null where it can. One mount within another is read-only. */
export function faultOfJwtFolder(file: string): string | null {
  const folder = dirname(file);
  const [jwt, secret] = [folder, MOUNT].map((each) => each.replace(/\/?$/, '/')) as [string, string];
  const isApart = !jwt.startsWith(secret) && !secret.startsWith(jwt);
  return isApart ? null : `--jwt-file cannot be in ${folder}: the Secret is mounted at ${MOUNT}.`;
}

function mount(name: string, path: string): string[] {
  return [`  - name: ${name}`, `    mountPath: ${JSON.stringify(path)}`, '    readOnly: true'];
}

function projected({ file, audience }: { readonly file: string; readonly audience: string }): string[] {
  return [
    '  - name: token-broker-identity',
    '    projected:',
    '      sources:',
    '        - serviceAccountToken:',
    `            path: ${JSON.stringify(basename(file))}`,
    `            audience: ${JSON.stringify(audience)}`,
    '            expirationSeconds: 3600',
  ];
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
