// What the operator counts and measures of its work.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.ts';
import { useOwnCluster } from '../support/own-cluster.ts';
import { trigger, triggers } from '../support/scenario.ts';
import { startTestOperator, startTestScenario } from '../support/test-lifetime.ts';

const secret = 'a secret of some length';

const own = useOwnCluster();

describe('an announced push', () => {
  it('is measured until its image is found, and until a workload has it', async () => {
    const file = join(own.cluster.dir, 'notification-secret');
    await writeFile(file, `${secret}\n`);
    const operator = await startTestOperator(own.cluster.kubeconfigPath, [
      '--notification-port=0',
      '--notification-host=127.0.0.1',
      `--notification-secret-file=${file}`,
    ]);
    const { port } = await operator.logged('receiving push notifications', 5_000);
    const scenario = await startTestScenario(own.view);
    const first = await scenario.push('latest', 'first');
    const importPolicy = { insecure: true, scheduled: true };
    await scenario.createTags('web', [scenario.dockerTag('latest', 'latest', { importPolicy })]);
    await scenario.tagHas('web', 'latest', first.digest);
    await scenario.createDeployment('web', { web: ' ' }, triggers(trigger('web:latest', 'web')));
    await scenario.containerHas('web', 'web', scenario.pinned(first.digest));
    const second = await scenario.push('latest', 'second');
    const { body } = await request(`http://127.0.0.1:${String(port)}/v1/notify/generic`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ images: [scenario.pullSpec('latest')] }),
    });
    await body.dump();
    await scenario.containerHas('web', 'web', scenario.pinned(second.digest));
    const counted = await eventually(
      async () => {
        const text = await (await request(`${operator.healthUrl}/metrics`)).body.text();
        const lines = text.split('\n');
        return lines.includes('imagestream_push_patch_lag_seconds_count 1') && lines;
      },
      { what: 'the lag' },
    );
    expect(counted).toEqual(
      expect.arrayContaining([
        'imagestream_push_seen_lag_seconds_count 1',
        'imagestream_import_total{result="resolved",reason="new tag"} 1',
        'imagestream_import_total{result="resolved",reason="push announced"} 1',
        'imagestream_registry_request_duration_seconds_count{document="probe"} 1',
        'imagestream_api_write_total{resource="deployments",verb="patch",result="done"} 2',
        'imagestream_api_write_total{resource="images",verb="create",result="done"} 2',
      ]),
    );
    // Nobody's names are in there.
    expect(counted.join('\n')).not.toContain(scenario.namespace);
    expect(counted.join('\n')).not.toContain(scenario.repository);
  });
});
