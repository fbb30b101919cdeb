/*
 * A file to which `audit export --append` writes. Owns where an earlier export ended in it, after a sudden stop too: a last line
 * without its end is cut off before the first write, and comes again. What an export did not write is not touched. Does not own what
 * is written.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { type ExportPosition, readExportCursor } from '../../domain/list-position.js';
import { readJsonObject } from '../../google/read-json.js';
import { EXIT, Failure, wrongUsage } from '../shared/failure.js';
import { explainWrite } from '../shared/files.js';

const CHUNK = 65_536;
const LINE_FEED = 0x0a;
/** How each line of an export begins (audit/audit-formats.ts). */
const LINE_START = '{"id":"';

export class ExportFile {
  /** In bytes, as this process knows it. */
  #size: number;
  /** Where a line that is not whole begins. */
  #cutAt: number | null;

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    { size, whole }: End,
    /** Of its last event; null: it has none. */
    readonly after: ExportPosition | null,
  ) {
    this.#size = size;
    this.#cutAt = whole < size ? whole : null;
  }

  /** @throws {Failure} also where its last line is not an event, nor the beginning of one: the file is something else */
  static async open(path: string): Promise<ExportFile> {
    const file = await open(path, 'a+', 0o600).catch((error: unknown) => {
      throw explainWrite(error, path);
    });
    try {
      const end = await endOf(file, path);
      return new ExportFile(
        path,
        file,
        end,
        end.whole === 0 ? null : await positionBefore(file, end.whole, path),
      );
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** @throws {Failure} also where another process has written to the file since: events would come twice */
  async write(text: string): Promise<void> {
    if ((await this.file.stat()).size !== this.#size)
      throw new Failure(
        EXIT.refused,
        'written_by_another',
        `Another process writes to ${this.path}. Run one export to a file at a time.`,
      );
    try {
      if (this.#cutAt !== null) await this.file.truncate(this.#cutAt);
      await this.file.appendFile(text);
      this.#size = (this.#cutAt ?? this.#size) + Buffer.byteLength(text);
      this.#cutAt = null;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const what = `${this.path} cannot be written any more (${code ?? 'unknown'}).`;
      throw new Failure(
        EXIT.refused,
        'not_writable',
        `${what} The same command continues where this one stopped.`,
      );
    }
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

/** In bytes. */
interface End {
  readonly size: number;
  /** Of the whole lines. */
  readonly whole: number;
}

async function endOf(file: FileHandle, path: string): Promise<End> {
  const stat = await file.stat();
  if (!stat.isFile()) throw wrongUsage('--append takes a regular file.', 'token-broker audit export');
  const { size } = stat;
  const whole = await endOfLine(file, size);
  const length = Math.min(size - whole, LINE_START.length);
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, whole);
  if (!LINE_START.startsWith(buffer.toString())) throw notAnExport(path);
  return { size, whole };
}

/** Of the line that ends there. */
async function positionBefore(file: FileHandle, end: number, path: string): Promise<ExportPosition> {
  const start = await endOfLine(file, end - 1);
  const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
  const { cursor } = readJsonObject(buffer.toString()) ?? {};
  const position = typeof cursor === 'string' ? readExportCursor(cursor) : null;
  if (position) return position;
  throw notAnExport(path);
}

function notAnExport(path: string): Failure {
  return new Failure(
    EXIT.refused,
    'not_an_export',
    `The last line of ${path} is not an event with a cursor. Name a file that \`audit export\` wrote, or a new one.`,
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
