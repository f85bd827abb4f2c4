import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { watchFile } from './watched-file.ts';

it('tells each new content once, survives a file that is away, and ends with its signal', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'watched-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'secret');
  await writeFile(path, 'one');
  const [clock, abort, heard] = [new FakeClock(), new AbortController(), [] as string[]];
  const watching = watchFile(path, 'one', {
    clock,
    signal: abort.signal,
    changed: (text) => heard.push(text),
  });
  const look = async (): Promise<void> => {
    await clock.advance(10_000);
    await eventually(() => clock.pending.length === 1, { what: 'the next look to be waited for' });
  };
  await look();
  expect(heard).toEqual([]);
  await writeFile(path, 'two');
  await look();
  await look();
  expect(heard).toEqual(['two']);
  await rm(path);
  await look();
  await writeFile(path, 'three');
  await look();
  expect(heard).toEqual(['two', 'three']);
  abort.abort();
  await watching;
});
