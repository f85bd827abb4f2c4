// What the documents say to those who run the operator: the file of settings.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { Program } from '../src/config.ts';
import { readSettingsFile } from '../src/settings-file.ts';
import { matches, read } from './support/documents.ts';

describe('docs/reference/settings-file.md', () => {
  const [example = ''] = matches(read('docs/reference/settings-file.md'), /```yaml\n([\s\S]*?)```/g);

  it.each<{ program: Program }>([{ program: 'operator' }, { program: 'face' }])(
    'shows a file that the $program takes',
    async ({ program }) => {
      const folder = await mkdtemp(join(tmpdir(), 'documented-settings-'));
      onTestFinished(() => rm(folder, { recursive: true }));
      const path = join(folder, 'settings.yaml');
      await writeFile(path, example);
      const { values, faults } = readSettingsFile(path, program);
      expect(faults).toEqual([]);
      expect([...values.keys()]).toEqual(expect.arrayContaining(['logLevel', 'trustedRealms']));
    },
  );
});
