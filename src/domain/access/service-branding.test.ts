import { describe, expect, test } from '@jest/globals';
import { brandingErrors, logoTypeOf, NO_BRANDING, type ServiceBranding } from './service-branding.js';

function errorsOf(branding: Partial<ServiceBranding>): string[] {
  return Object.keys(brandingErrors({ ...NO_BRANDING, ...branding }));
}

describe('the branding of a service', () => {
  test.each<[Partial<ServiceBranding>, string[]]>([
    [{}, []],
    [{ displayName: 'Acme Reports' }, []],
    [{ displayName: 'تقارير أكمي' }, []],
    [{ displayName: '東京レポート' }, []],
    [{ displayName: '📈'.repeat(60) }, []],
    [{ displayName: 'a'.repeat(61) }, ['display_name']],
    [{ displayName: '' }, ['display_name']],
    [{ displayName: ' Acme' }, ['display_name']],
    [{ displayName: 'Acme\n' }, ['display_name']],
    [{ displayName: 'Acme \u202eelgooG' }, ['display_name']],
    [{ displayName: 'Goog\u200ble' }, ['display_name']],
    [{ displayName: 'ما\u200cهي 👩\u200d💻\ufe0f' }, []],
    ...['\u3164', '\u115f', '\uffa0', '\u2800', '\u00ad', '\u034f', '\u{1d159}', '\u200d', '—'].map(
      (invisible): [Partial<ServiceBranding>, string[]] => [{ displayName: invisible }, ['display_name']],
    ),
    [{ displayName: 'Goo\u00adgle' }, ['display_name']],
    [{ displayName: 'Acme\u2800Reports' }, ['display_name']],
    [{ colour: '#1a56c4' }, []],
    [{ colour: '#1a5' }, ['colour']],
    [{ colour: 'red' }, ['colour']],
    [{ colour: '#1a56c4;}' }, ['colour']],
    [{ logo: { kind: 'url', url: 'https://cdn.example.com/logo.png' } }, []],
    [{ logo: { kind: 'url', url: 'http://cdn.example.com/logo.png' } }, ['logo']],
    [{ logo: { kind: 'url', url: 'https://user:word@cdn.example.com/logo.png' } }, ['logo']],
    [{ privacyUrl: 'https://example.com/privacy', supportUrl: 'https://example.com/help' }, []],
    [
      { privacyUrl: 'javascript:alert(1)', supportUrl: 'mailto:a@example.com' },
      ['privacy_url', 'support_url'],
    ],
  ])('of %j has faults in %j', (branding, fields) => {
    expect(errorsOf(branding)).toEqual(fields);
  });

  test.each([
    ['a PNG', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0], 'image/png'],
    ['a JPEG', [0xff, 0xd8, 0xff, 0xe0], 'image/jpeg'],
    ['a WebP', [...Buffer.from('RIFF\0\0\0\0WEBPVP8 ')], 'image/webp'],
    ['another RIFF file', [...Buffer.from('RIFF\0\0\0\0WAVEfmt ')], null],
    ['an SVG', [...Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')], null],
    ['nothing', [], null],
  ])('takes for a logo what is one by its content, as for %s', (_, bytes, type) => {
    expect(logoTypeOf(Uint8Array.from(bytes))).toBe(type);
  });
});
