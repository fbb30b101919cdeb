/** The broker's routes as its controllers declare them: which of them browsers and Google need, and which are for services alone. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kindOfRoute, type RouteKind } from '../../src/http/rate-limit/route-limits.js';

interface Route {
  readonly method: string;
  /** As the broker's router has it: `/tokens/:userId`. */
  readonly path: string;
  readonly isPublic: boolean;
}

const CONTROLLER = /@(?:Controller|ConsoleController)\((?:'([^']*)')?\)/;
const HANDLER = /@(Get|Post|Put|Patch|Delete)\((?:'([^']*)')?\)/g;
const PUBLIC_KINDS: readonly RouteKind[] = ['browser', 'security-events'];
/** Exempt from limits, and a part of the pages. */
const ASSETS = ['/style.css'];

export const ROUTES: readonly Route[] = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.startsWith('console/') && !path.includes('.test.'))
  .flatMap((path) => {
    const text = readFileSync(join('src', path), 'utf8');
    const [, prefix = ''] = CONTROLLER.exec(text) ?? [];
    if (!CONTROLLER.test(text)) return [];
    return [...text.matchAll(HANDLER)].map(([, method = '', name = '']) => {
      const route = `/${[prefix, name].filter(Boolean).join('/')}`;
      const isPublic = PUBLIC_KINDS.includes(kindOfRoute(route)) || ASSETS.includes(route);
      return { method: method.toUpperCase(), path: route, isPublic };
    });
  });

/** A request's path for a route, with a value for each parameter. */
export const samplePath = (path: string) =>
  path.replaceAll(':hash', 'a'.repeat(64)).replaceAll(/:\w+/g, 'alice');
