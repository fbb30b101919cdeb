import { describe, expect, test } from '@jest/globals';
import { intentLink, isEmbeddedBrowser } from './embedded-browser.js';

const ANDROID = 'Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP1A.240405.002';
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)';

describe('a browser that Google refuses', () => {
  test.each([
    [
      "Android's WebView",
      `${ANDROID}; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/123.0.0.0 Mobile Safari/537.36`,
    ],
    ['WKWebView', `${IPHONE} Mobile/15E148`],
    ['Facebook on iOS', `${IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/455.0.0.33.107;FBBV/583236512]`],
    [
      'Facebook on Android',
      `${ANDROID}) AppleWebKit/537.36 Chrome/123.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/455.0]`,
    ],
    ['Instagram', `${IPHONE} Mobile/21E236 Instagram 325.0.3.34.90 (iPhone15,3; iOS 17_4)`],
    ['LINE', `${IPHONE} Mobile/15E148 Safari/604.1 Line/14.5.0`],
    ['WeChat', `${ANDROID}) AppleWebKit/537.36 Chrome/116.0 Mobile Safari/537.36 MicroMessenger/8.0.47`],
    ['LinkedIn', `${IPHONE} Mobile/15E148 [LinkedInApp]/9.29.1`],
    ['TikTok', `${IPHONE} Mobile/15E148 musical_ly_33.9.0 BytedanceWebview/d8a21c6`],
  ])('is recognised in %s', (_, userAgent) => {
    expect(isEmbeddedBrowser(userAgent)).toBe(true);
  });

  test.each([
    ['none', undefined],
    [
      'Chrome on Android',
      `${ANDROID}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/123.0.0.0 Mobile Safari/537.36`,
    ],
    ['Safari on iOS', `${IPHONE} Version/17.4 Mobile/15E148 Safari/604.1`],
    ['Chrome on iOS', `${IPHONE} CriOS/123.0.6312.52 Mobile/15E148 Safari/604.1`],
    ['Firefox on iOS', `${IPHONE} FxiOS/124.0 Mobile/15E148 Safari/605.1.15`],
    ["Google's app on iOS", `${IPHONE} GSA/310.0.619107407 Mobile/15E148 Safari/604.1`],
    [
      'Samsung Internet',
      `${ANDROID}) AppleWebKit/537.36 SamsungBrowser/24.0 Chrome/117.0 Mobile Safari/537.36`,
    ],
    [
      'Safari on a Mac',
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15',
    ],
    ['a program', 'curl/8.5.0'],
    ['the preview of a link', 'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)'],
    ['the preview of a link on X', 'Twitterbot/1.0'],
  ])('is not taken for one in %s', (_, userAgent) => {
    expect(isEmbeddedBrowser(userAgent)).toBe(false);
  });

  test('is recognised by the first thousand characters of what it says, and nothing behind these is read', () => {
    const padded = (length: number) => `${ANDROID}; ${'x'.repeat(length)}; wv)`;
    expect(isEmbeddedBrowser(padded(800))).toBe(true);
    expect(isEmbeddedBrowser(padded(1000))).toBe(false);
  });

  test('on Android opens the link in the default browser by an intent, where it is https', () => {
    const link = 'https://broker.example.com/connect?ticket=ct_a';
    expect(intentLink(`${ANDROID}; wv)`, link)).toMatch(
      /^intent:\/\/broker\.example\.com\/connect\?ticket=ct_a#Intent;scheme=https;/,
    );
    expect(intentLink(`${ANDROID}; wv)`, 'http://localhost:3000/connect')).toBeNull();
    expect(intentLink(IPHONE, link)).toBeNull();
  });
});
