import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Agent, request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { renewAt, servingFiles } from './serving-certificate.ts';

const now = Date.parse('2026-11-25T12:00:00Z');
const dayMs = 86_400_000;
const dnsNames = ['localhost', 'api.ns.svc'];

describe('files', () => {
  it('are made, and kept as long as they are good', async () => {
    const { files, changed } = await servingFiles(undefined, { dnsNames, now });
    expect(changed).toBe(true);
    expect(await servingFiles(files, { dnsNames, now: now + 200 * dayMs })).toEqual({
      files,
      changed: false,
    });
    expect(renewAt(files)).toBeGreaterThan(now + 240 * dayMs);
    expect(renewAt(files)).toBeLessThan(now + 245 * dayMs);
    const [serving, authority] = [
      new X509Certificate(files['tls.crt']),
      new X509Certificate(files['ca.crt']),
    ];
    expect(serving.verify(authority.publicKey)).toBe(true);
    expect(authority.ca).toBe(true);
    expect(serving.subjectAltName).toBe('DNS:localhost, DNS:api.ns.svc');
  });

  it.each([
    { name: 'it nears its end', at: now + 250 * dayMs, names: dnsNames },
    { name: 'it has other names', at: now, names: ['other'] },
  ])('get a new certificate of the same authority when $name', async ({ at, names }) => {
    const { files } = await servingFiles(undefined, { dnsNames, now });
    const next = await servingFiles(files, { dnsNames: names, now: at });
    expect(next.changed).toBe(true);
    expect(next.files['ca.crt']).toBe(files['ca.crt']);
    expect(
      new X509Certificate(next.files['tls.crt']).verify(new X509Certificate(files['ca.crt']).publicKey),
    ).toBe(true);
  });

  it.each([
    { name: 'the authority nears its end', change: {}, at: now + 2_500 * dayMs },
    { name: 'its key is gone', change: { 'ca.key': '' }, at: now },
    { name: 'somebody has written nonsense', change: { 'ca.crt': 'nonsense' }, at: now },
  ])('are all new when $name', async ({ change, at }) => {
    const { files } = await servingFiles(undefined, { dnsNames, now });
    const next = await servingFiles({ ...files, ...change }, { dnsNames, now: at });
    expect(next.changed).toBe(true);
    expect(next.files['ca.crt']).not.toBe(files['ca.crt']);
  });

  it('serve', async () => {
    const { files } = await servingFiles(undefined, { dnsNames, now: Date.now() });
    const server = createServer({ cert: files['tls.crt'], key: files['tls.key'] }, (_request, response) => {
      response.end('hello');
    });
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    const dispatcher = new Agent({ connect: { ca: files['ca.crt'] } });
    onTestFinished(async () => {
      await dispatcher.close();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const { body } = await request(`https://localhost:${port}`, { dispatcher });
    expect(await body.text()).toBe('hello');
  });
});
