/**
 * The pages in other languages have the sections, commands, tables and links of the English ones. Owns that comparison. Does not
 * own the wording, nor whether links resolve, which docs.test.ts checks for every page.
 *
 * A heading names the anchor of the English one, so that links work in each language: `## <a id="try-it"></a>Ausprobieren`.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const LANGUAGES = ['id', 'fr', 'de'];
/** README is shorter in other languages: some of its sections, each whole. */
const PAGES = [
  { english: 'README.md', isWhole: false },
  { english: 'docs/google-ads.md', isWhole: true },
  { english: 'docs/connecting.md', isWhole: true },
];

interface Section {
  readonly anchor: string;
  readonly level: number;
  /** Blocks of code in a language; those without one are drawings. Comments are translated. */
  readonly code: string[];
  /** What is code, and which numbers there are, in each cell of each row. */
  readonly rows: string[][][];
  readonly prose: string[];
}

const pageIn = (language: string, english: string) => join('docs', language, english.split('/').at(-1) ?? '');

describe.each(LANGUAGES)('in the language %s', (language) => {
  describe.each(PAGES)('the page $english', ({ english, isWhole }) => {
    const path = pageIn(language, english);
    const originals = sectionsOf(english);
    const translations = sectionsOf(path);
    const pairs = translations.map((translation) => ({
      translation,
      original: originals.find(({ anchor }) => anchor === translation.anchor),
    }));

    test('has the sections of the English page, in its order', () => {
      const named = new Set(translations.map(({ anchor }) => anchor));
      const expected = isWhole ? originals : originals.filter(({ anchor }) => named.has(anchor));
      const outline = (sections: Section[]) => sections.map(({ anchor, level }) => ({ anchor, level }));
      expect(outline(translations)).toEqual(outline(expected));
    });

    test('has the commands and other blocks of code of the English page', () => {
      const code = (section?: Section) => section?.code;
      expect(pairs.map(({ translation }) => code(translation))).toEqual(
        pairs.map(({ original }) => code(original)),
      );
    });

    test('has the tables of the English page, with the same code and numbers in each cell', () => {
      const rows = (section?: Section) => section?.rows;
      expect(pairs.map(({ translation }) => rows(translation))).toEqual(
        pairs.map(({ original }) => rows(original)),
      );
    });

    test('names in each section what the English page names as code', () => {
      const named = (section?: Section) => [section?.anchor, codeIn(section?.prose.join('\n') ?? '')];
      expect(pairs.map(({ translation }) => named(translation))).toEqual(
        pairs.map(({ original }) => named(original)),
      );
    });

    test('has in each section the links of the English page', () => {
      const links = (page: string, section?: Section) => [section?.anchor, linksIn(page, english, section)];
      expect(pairs.map(({ translation }) => links(path, translation))).toEqual(
        pairs.map(({ original }) => links(english, original)),
      );
    });
  });
});

function sectionsOf(path: string): Section[] {
  const sections: Section[] = [];
  let block: { readonly fence: string; readonly lines: string[] } | null = null;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const fence = /^\s*```(\w*)/.exec(line)?.[1];
    const section = sections.at(-1);
    if (block && fence !== undefined) {
      if (block.fence !== '') section?.code.push(block.lines.join('\n'));
      block = null;
    } else if (block) {
      const command = line.replace(/(^|\s+)# .*$/, '').trimEnd();
      if (command.trim() !== '') block.lines.push(command);
    } else if (fence !== undefined) block = { fence, lines: [] };
    else sectionOf(line, sections);
  }
  return sections;
}

/** A line that is not in a block of code. */
function sectionOf(line: string, sections: Section[]): void {
  const [, marks, id, text = ''] = /^(#+) (?:<a id="([^"]+)"><\/a>)?(.*)$/.exec(line) ?? [];
  if (marks !== undefined) {
    const anchor = marks === '#' ? '' : (id ?? anchorOf(text));
    sections.push({ anchor, level: marks.length, code: [], rows: [], prose: [] });
    return;
  }
  const section = sections.at(-1);
  section?.prose.push(line);
  if (line.startsWith('|') && !/^\|[\s|:-]+$/.test(line))
    section?.rows.push(
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => [...codeIn(cell), ...numbersIn(cell)]),
    );
}

/** As GitHub makes one of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function codeIn(markdown: string): string[] {
  return [...new Set([...markdown.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code))].sort();
}

/** Outside of code, addresses and the name of 2-Step Verification. 15,000 is 15.000 in German and Indonesian, and has a space in it in French. */
function numbersIn(markdown: string): string[] {
  const text = markdown.replaceAll(/`[^`]+`|\]\([^)]*\)|<https?:[^>]+>|2-Step|2 Langkah/g, ' ');
  const numbers = [...text.matchAll(/\d+(?:[.,\u00a0\u202f ]\d{3}(?!\d))*/g)].map(([number]) =>
    number.replaceAll(/\D/g, ''),
  );
  return [...new Set(numbers)].sort();
}

/** Where its links lead, a page in another language as the English one; without those to the same page in another language. */
function linksIn(page: string, english: string, section?: Section): string[] {
  const links = [...(section?.prose.join('\n') ?? '').matchAll(/\]\(([^)\s]+)\)|<(https?:[^>]+)>/g)].map(
    ([, link, address]) => link ?? address ?? '',
  );
  const targets = links.map((link) => {
    if (/^https?:/.test(link)) return link;
    const [path = '', anchor] = link.split('#');
    const file = path === '' ? page : join(dirname(page), path);
    const target = PAGES.find((one) => LANGUAGES.some((language) => file === pageIn(language, one.english)));
    return [target?.english ?? file, anchor].filter((part) => part !== undefined).join('#');
  });
  return [...new Set(targets)].filter((target) => target !== english).sort();
}
