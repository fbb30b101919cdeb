/**
 * An app's colour, made readable: WCAG 2.2 AA for text on it (4.5:1, section 1.4.3) and for text and outlines in it, on
 * the paper of light and dark pages.
 */
interface Accent {
  /** Of a button: the colour as the app chose it, and text on it. */
  readonly button: string;
  readonly onButton: string;
  /** The nearest shade that can be read on white, and on dark paper. */
  readonly onLight: string;
  readonly onDark: string;
}

type Rgb = readonly [number, number, number];

/** The backgrounds of style.ts against which text has the least contrast. */
const LIGHT_PAPER: Rgb = [244, 246, 249];
const DARK_PAPER: Rgb = [29, 36, 46];
const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];
const READABLE = 4.5;

export function accentOf(colour: string): Accent {
  const rgb = parse(colour);
  // One of both has at least 4.58:1 against any colour.
  const onButton = contrast(rgb, WHITE) >= contrast(rgb, BLACK) ? WHITE : BLACK;
  return {
    button: colour,
    onButton: format(onButton),
    onLight: format(readableOn(LIGHT_PAPER, rgb, BLACK)),
    onDark: format(readableOn(DARK_PAPER, rgb, WHITE)),
  };
}

/** The ratio of WCAG's definition of contrast; 1 to 21. */
export function contrastRatio(one: string, other: string): number {
  return contrast(parse(one), parse(other));
}

function readableOn(paper: Rgb, rgb: Rgb, towards: Rgb): Rgb {
  let shade = rgb;
  for (let part = 0; part <= 1 && contrast(shade, paper) < READABLE; part += 0.02) {
    shade = mix(rgb, towards, part);
  }
  return shade;
}

function mix([r, g, b]: Rgb, [tr, tg, tb]: Rgb, part: number): Rgb {
  const between = (from: number, to: number) => Math.round(from + (to - from) * part);
  return [between(r, tr), between(g, tg), between(b, tb)];
}

function contrast(one: Rgb, other: Rgb): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance([r, g, b]: Rgb): number {
  const linear = (channel: number) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
}

function parse(colour: string): Rgb {
  const channel = (at: number) => Number.parseInt(colour.slice(at, at + 2), 16);
  return [channel(1), channel(3), channel(5)];
}

function format(rgb: Rgb): string {
  return `#${rgb.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}
