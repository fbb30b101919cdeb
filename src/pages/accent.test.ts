import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { accentOf, contrastRatio } from './accent.js';

const colours = fc.integer({ min: 0, max: 0xffffff }).map((rgb) => `#${rgb.toString(16).padStart(6, '0')}`);

describe("an app's colour", () => {
  test('can be read against, and on light and dark paper, whatever it is', () => {
    fc.assert(
      fc.property(colours, (colour) => {
        const { button, onButton, onLight, onDark } = accentOf(colour);
        expect(button).toBe(colour);
        expect(contrastRatio(button, onButton)).toBeGreaterThanOrEqual(4.5);
        expect(contrastRatio(onLight, '#ffffff')).toBeGreaterThanOrEqual(4.5);
        expect(contrastRatio(onLight, '#f4f6f9')).toBeGreaterThanOrEqual(4.5);
        expect(contrastRatio(onDark, '#1d242e')).toBeGreaterThanOrEqual(4.5);
        expect(contrastRatio(onDark, '#12171f')).toBeGreaterThanOrEqual(4.5);
      }),
    );
  });

  test('stays as it is where it can be read already', () => {
    expect(accentOf('#1a56c4')).toMatchObject({ onButton: '#ffffff', onLight: '#1a56c4' });
    expect(accentOf('#ffd400')).toMatchObject({ onButton: '#000000', onDark: '#ffd400' });
  });

  test('is compared as WCAG defines it', () => {
    expect(contrastRatio('#000000', '#ffffff')).toBeCloseTo(21, 5);
    expect(contrastRatio('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
  });
});
