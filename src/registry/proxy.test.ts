import { describe, expect, it } from 'vitest';
import { parseProxySettings, proxyFor } from './proxy.ts';

const proxy = 'http://proxy.test:3128';

function chosen(url: string, env: Record<string, string>): string | undefined {
  return proxyFor(new URL(url), parseProxySettings(env))?.origin;
}

describe('the proxy of a request', () => {
  it.each([
    { name: 'none without settings', env: {}, url: 'https://a.test/', want: undefined },
    { name: 'by scheme: https', env: { HTTPS_PROXY: proxy }, url: 'https://a.test/', want: proxy },
    { name: 'by scheme: not http', env: { HTTPS_PROXY: proxy }, url: 'http://a.test/', want: undefined },
    { name: 'by scheme: http', env: { HTTP_PROXY: proxy }, url: 'http://a.test/', want: proxy },
    { name: 'in small letters', env: { https_proxy: proxy }, url: 'https://a.test/', want: proxy },
    {
      name: 'in small letters first',
      env: { https_proxy: proxy, HTTPS_PROXY: 'http://other.test' },
      url: 'https://a.test/',
      want: proxy,
    },
    { name: 'empty is none', env: { HTTPS_PROXY: '' }, url: 'https://a.test/', want: undefined },
    {
      name: 'empty small letters are none',
      env: { https_proxy: '', HTTPS_PROXY: proxy },
      url: 'https://a.test/',
      want: proxy,
    },
    {
      name: 'without a scheme',
      env: { HTTPS_PROXY: 'proxy.test:3128' },
      url: 'https://a.test/',
      want: proxy,
    },
    {
      name: 'by TLS, default port',
      env: { HTTPS_PROXY: 'https://proxy.test:443/x' },
      url: 'https://a.test/',
      want: 'https://proxy.test',
    },
    { name: 'not for localhost', env: { HTTP_PROXY: proxy }, url: 'http://localhost:5000/', want: undefined },
    { name: 'not for 127.0.0.0/8', env: { HTTP_PROXY: proxy }, url: 'http://127.9.9.9/', want: undefined },
    { name: 'not for ::1', env: { HTTP_PROXY: proxy }, url: 'http://[::1]:5000/', want: undefined },
  ])('$name', ({ env, url, want }) => {
    expect(chosen(url, env)).toBe(want);
  });

  it.each([
    { exceptions: 'a.test', url: 'https://a.test/', direct: true },
    { exceptions: 'a.test', url: 'https://b.a.test/', direct: true },
    { exceptions: 'a.test', url: 'https://ba.test/', direct: false },
    { exceptions: '.a.test', url: 'https://b.a.test/', direct: true },
    { exceptions: '.a.test', url: 'https://a.test/', direct: false },
    { exceptions: '*.a.test', url: 'https://b.a.test/', direct: true },
    { exceptions: '*.a.test', url: 'https://a.test/', direct: false },
    { exceptions: '*a.test', url: 'https://ba.test/', direct: false },
    { exceptions: '*a.test', url: 'https://a.test/', direct: false },
    { exceptions: 'A.Test', url: 'https://a.test/', direct: true },
    { exceptions: 'a.test:5000', url: 'https://a.test:5000/', direct: true },
    { exceptions: 'a.test:5000', url: 'https://a.test/', direct: false },
    { exceptions: 'a.test:443', url: 'https://a.test/', direct: true },
    { exceptions: 'a.test:', url: 'https://a.test:5000/', direct: true },
    { exceptions: '*', url: 'https://10.0.0.1/', direct: true },
    { exceptions: ' x.test , a.test ', url: 'https://a.test/', direct: true },
    { exceptions: '10.0.0.1', url: 'https://10.0.0.1/', direct: true },
    { exceptions: '10.0.0.1', url: 'https://10.0.0.11/', direct: false },
    { exceptions: '10.0.0.1:5000', url: 'https://10.0.0.1:5000/', direct: true },
    { exceptions: '10.0.0.1:5000', url: 'https://10.0.0.1/', direct: false },
    { exceptions: '10.0.0.0/8', url: 'https://10.9.9.9:5000/', direct: true },
    { exceptions: '10.0.0.0/8', url: 'https://11.0.0.1/', direct: false },
    { exceptions: '10.0.0.0/8', url: 'https://10.test/', direct: false },
    { exceptions: '10.0.0.0/33', url: 'https://10.0.0.1/', direct: false },
    { exceptions: 'a.test/8', url: 'https://a.test/', direct: false },
    { exceptions: '0.1', url: 'https://10.0.0.1/', direct: false },
    { exceptions: 'fd00::/8', url: 'https://[fd12::1]/', direct: true },
    { exceptions: 'fd00::1', url: 'https://[fd00:0::1]:5000/', direct: true },
    { exceptions: '[fd00::1]:5000', url: 'https://[fd00::1]:5000/', direct: true },
    { exceptions: '[fd00::1]:5000', url: 'https://[fd00::1]/', direct: false },
    { exceptions: '[fd00::1]', url: 'https://[fd00::1]/', direct: true },
    { exceptions: ',,:5000, ,', url: 'https://a.test:5000/', direct: false },
    { exceptions: 'a.test:x', url: 'https://a.test/', direct: false },
  ])('NO_PROXY=$exceptions and $url: direct is $direct', ({ exceptions, url, direct }) => {
    expect(chosen(url, { HTTPS_PROXY: proxy, NO_PROXY: exceptions })).toBe(direct ? undefined : proxy);
  });

  it('keeps the account apart from the address', () => {
    const settings = parseProxySettings({ HTTPS_PROXY: 'http://me:p%40ss@proxy.test:3128' });
    expect(settings.https).toEqual({
      origin: 'http://proxy.test:3128',
      authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
    });
  });

  it.each([
    { value: 'http://', want: 'HTTPS_PROXY is not the address of a proxy' },
    { value: 'http://me:secret@a b', want: 'HTTPS_PROXY is not the address of a proxy' },
    {
      value: 'socks5://me:secret@proxy.test',
      want: 'HTTPS_PROXY must be an http or https proxy, not socks5',
    },
    { value: 'http://me:secret%zz@proxy.test', want: "HTTPS_PROXY: the account's % escapes are invalid" },
  ])('names the variable and no password: $value', ({ value, want }) => {
    expect(() => parseProxySettings({ HTTPS_PROXY: value })).toThrow(new Error(want));
  });
});
