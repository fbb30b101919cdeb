import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

/** The TypeScript of a folder, without what Prisma generates. @returns paths from the root of the project */
export function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.parentPath.includes('prisma-client'),
    )
    .map((entry) => relative('.', join(entry.parentPath, entry.name)));
}
