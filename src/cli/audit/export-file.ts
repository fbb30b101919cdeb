/*
 * A file to which `audit export --append` writes. Owns where an earlier export ended in it, after a sudden stop too: a last line
 * without its end is cut off, and comes again. Does not own what is written.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { type ExportPosition, readExportCursor } from '../../domain/list-position.js';
import { readJsonObject } from '../../google/read-json.js';
import { EXIT, Failure, wrongUsage } from '../shared/failure.js';
import { explainWrite } from '../shared/files.js';

const CHUNK = 65_536;
const LINE_FEED = 0x0a;

export class ExportFile {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    /** Of its last event; null: it has none. */
    readonly after: ExportPosition | null,
  ) {}

  /** @throws {Failure} also where its last whole line is no event: the file is something else */
  static async open(path: string): Promise<ExportFile> {
    const file = await open(path, 'a+', 0o600).catch((error: unknown) => {
      throw explainWrite(error, path);
    });
    try {
      return new ExportFile(path, file, await endOf(file, path));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async write(text: string): Promise<void> {
    await this.file.appendFile(text).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      const what = `${this.path} cannot be written any more (${code ?? 'unknown'}).`;
      throw new Failure(
        EXIT.refused,
        'not_writable',
        `${what} The same command goes on where this one stopped.`,
      );
    });
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

async function endOf(file: FileHandle, path: string): Promise<ExportPosition | null> {
  const stat = await file.stat();
  if (!stat.isFile()) throw wrongUsage('--append takes a regular file.', 'token-broker audit export');
  const end = await endOfLine(file, stat.size);
  const position = end === 0 ? null : await positionBefore(file, end, path);
  if (end < stat.size) await file.truncate(end);
  return position;
}

/** Of the line that ends there. */
async function positionBefore(file: FileHandle, end: number, path: string): Promise<ExportPosition> {
  const start = await endOfLine(file, end - 1);
  const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
  const { cursor } = readJsonObject(buffer.toString()) ?? {};
  const position = typeof cursor === 'string' ? readExportCursor(cursor) : null;
  if (position) return position;
  throw new Failure(
    EXIT.refused,
    'not_an_export',
    `The last line of ${path} is no event with a cursor. Name a file that \`audit export\` wrote, or a new one.`,
  );
}

/** @returns where the last line that ends before `size` ends, its line feed included; 0 where there is none */
async function endOfLine(file: FileHandle, size: number): Promise<number> {
  const chunk = Buffer.alloc(CHUNK);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - CHUNK);
    const { bytesRead } = await file.read(chunk, 0, end - start, start);
    const found = chunk.subarray(0, bytesRead).lastIndexOf(LINE_FEED);
    if (found >= 0) return start + found + 1;
    end = start;
  }
  return 0;
}
