/**
 * A logo that an option or a file of declarations names by a path. Owns how it is read; not which URLs may stand in its place, nor what
 * a caller says of a logo that it does not get.
 */
import { readFileSync, statSync } from 'node:fs';
import { MAX_LOGO_BYTES } from '../../domain/access/service-branding.js';

type LogoFile =
  | { readonly kind: 'read'; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Why it is not a logo, in words that follow its path. */
  | { readonly kind: 'unfit'; readonly why: string }
  /** The system's code, such as `ENOENT`. */
  | { readonly kind: 'unreadable'; readonly code: string };

/** @param path absolute */
export function readLogoFile(path: string): LogoFile {
  try {
    const stat = statSync(path);
    // A large file is not read, nor a device or a pipe, which may never end.
    if (!stat.isFile()) return { kind: 'unfit', why: 'is not a file' };
    if (stat.size > MAX_LOGO_BYTES) return { kind: 'unfit', why: `has ${stat.size} bytes` };
    return { kind: 'read', bytes: new Uint8Array(readFileSync(path)) };
  } catch (error) {
    return { kind: 'unreadable', code: (error as NodeJS.ErrnoException).code ?? 'unknown' };
  }
}
