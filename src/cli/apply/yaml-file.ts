/*
 * A YAML file as plain values, and the line of each. Owns the syntax and where a fault stands; not what may be in the file
 * (read-declaration.ts).
 */
import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type { DeclarationFault } from '../../declarations/check-declaration.js';
import { quotedText, visibleText } from '../../domain/text.js';

export interface YamlFile {
  readonly content: unknown;
  /** The line of the deepest part of a path that the file has. */
  lineOf(path: readonly string[]): number;
}

/** @returns the faults of the syntax, with their lines, where there are any */
export function parseYaml(text: string): YamlFile | { readonly line: number; readonly message: string }[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const faults = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    line: lines.linePos(pos[0]).line,
    message: visibleText(message.split('\n', 1)[0] ?? message),
  }));
  if (faults.length > 0) return faults;
  let content: unknown;
  try {
    content = document.toJS();
  } catch (error) {
    // Aliases that refer to nothing, or to so much that the file would explode.
    return [{ line: 1, message: visibleText((error as Error).message) }];
  }
  const lineOf = (path: readonly string[]) => {
    let line = 1;
    let node: unknown = document.contents;
    for (const part of path) {
      if (!isMap(node)) break;
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === part);
      const at = (pair?.key as Node | undefined)?.range?.[0];
      if (pair === undefined || at === undefined) break;
      line = lines.linePos(at).line;
      node = resolved(pair.value, document);
    }
    return line;
  };
  return { content, lineOf };
}

function resolved(value: unknown, document: ReturnType<typeof parseDocument>): unknown {
  const node = value as { resolve?: (of: typeof document) => unknown } | null;
  return typeof node?.resolve === 'function' ? node.resolve(document) : value;
}

/** One line for each fault, in the order of the file. */
export function faultLines(
  file: string,
  faults: readonly DeclarationFault[],
  { lineOf }: Pick<YamlFile, 'lineOf'>,
): string[] {
  return (
    faults
      // Keys and values of the file come back in these.
      .map(({ path, message }) => ({
        line: lineOf(path),
        text: `${path.map(quotedText).join('.')}: ${visibleText(message)}`,
      }))
      .sort((a, b) => a.line - b.line)
      .map(({ line, text }) => `${file}:${line}: ${text}`)
  );
}
