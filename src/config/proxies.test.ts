import { describe, expect, test } from '@jest/globals';
import { isProxyAddress, proxiesOf } from './proxies.js';

const PROXY = 'http://proxy.example.com:3128';
const through = (env: Record<string, string>, url: string) =>
  proxiesOf(env).of(new URL(url))?.reveal() ?? null;

describe('the proxy of a request', () => {
  test.each<[Record<string, string>, string, string | null]>([
    [{ HTTPS_PROXY: PROXY }, 'https://oauth2.googleapis.com/token', `${PROXY}/`],
    [{ https_proxy: PROXY }, 'https://oauth2.googleapis.com/token', `${PROXY}/`],
    [{ https_proxy: PROXY, HTTPS_PROXY: 'http://other.example.com' }, 'https://a.example.com', `${PROXY}/`],
    [{ HTTPS_PROXY: 'proxy.example.com:3128' }, 'https://a.example.com', `${PROXY}/`],
    [{ HTTPS_PROXY: PROXY }, 'http://a.example.com', null],
    [{ HTTP_PROXY: PROXY }, 'http://a.example.com', `${PROXY}/`],
    [{ HTTP_PROXY: PROXY }, 'https://a.example.com', null],
    [{ HTTPS_PROXY: '' }, 'https://a.example.com', null],
    [{}, 'https://a.example.com', null],
  ])('under %j, a request to %s goes through %p', (env, url, proxy) => {
    expect(through(env, url)).toBe(proxy);
  });

  test.each([
    ['example.com', 'https://example.com/', true],
    ['example.com', 'https://a.b.example.com/', true],
    ['example.com', 'https://notexample.com/', false],
    ['.example.com', 'https://a.example.com/', true],
    ['*.example.com', 'https://a.example.com/', true],
    ['EXAMPLE.com', 'https://Example.COM/', true],
    ['other.com, example.com', 'https://example.com/', true],
    ['other.com example.com', 'https://example.com/', true],
    ['*', 'https://example.com/', true],
    ['example.com:443', 'https://example.com/', true],
    ['example.com:8443', 'https://example.com/', false],
    ['example.com:8443', 'https://example.com:8443/', true],
    ['10.1.2.3', 'https://10.1.2.3/', true],
    ['10.0.0.0/8', 'https://10.1.2.3/', true],
    ['10.0.0.0/8', 'https://11.1.2.3/', false],
    ['10.0.0.0/99', 'https://10.1.2.3/', false],
    ['fd00::/8', 'https://[fd00::1]/', true],
    ['fd00::1', 'https://[fd00::1]/', true],
    ['[fd00::1]:443', 'https://[fd00::1]/', true],
    ['2.3', 'https://10.1.2.3/', false],
    ['', 'https://example.com/', false],
    ['', 'http://localhost:3001/', true],
    ['', 'http://127.0.0.1:3001/', true],
    ['', 'http://127.8.0.1:3001/', true],
    ['', 'http://[::1]:3001/', true],
    ['', 'https://localhost.example.com/', false],
  ])('with NO_PROXY=%s, whether %s is direct is %p', (NO_PROXY, url, isDirect) => {
    for (const name of ['NO_PROXY', 'no_proxy']) {
      expect(through({ HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY, [name]: NO_PROXY }, url) === null).toBe(
        isDirect,
      );
    }
  });

  test.each([
    ['http://proxy.example.com', true],
    ['https://user:p%40ss@proxy.example.com:8443/', true],
    ['proxy.example.com:3128', true],
    ['socks5://proxy.example.com', false],
    ['http://user:50%off@proxy.example.com', false],
    ['http://%zz@proxy.example.com', false],
    ['http://', false],
    ['http://proxy.example.com/path', false],
    ['not a proxy', false],
  ])('whether %s is taken as an address is %p', (address, isOne) => {
    expect(isProxyAddress(address)).toBe(isOne);
  });
});
