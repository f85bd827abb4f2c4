import { describe, expect, it } from 'vitest';

import { settingsOf } from '../../src/settings.ts';
import { HttpListener } from '../support/http-listener.ts';
import { writeKubeconfig } from '../support/kubeconfig.ts';
import { OperatorProcess } from '../support/operator-process.ts';

/** Runs the operator to its end with flags that it is to end with. */
async function run(
  args: readonly string[],
  kubeconfigPath = '/nowhere',
): Promise<{ code: number | null; stderr: string; stdout: string }> {
  const operator = OperatorProcess.spawn({ kubeconfigPath, args });
  const { code, stderr, stdout } = await operator.exited;
  return { code, stderr, stdout };
}

describe('the command line', () => {
  it('explains every flag', async () => {
    const { code, stdout, stderr } = await run(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const [, { flag, env }] of settingsOf('operator')) {
      expect(stdout).toContain(`--${flag} `);
      expect(stdout).toContain(env);
    }
  });

  it('refuses wrong settings, all at once', async () => {
    const { code, stderr } = await run([
      '--history-limit',
      '0',
      '--import-mode=legacy',
      '--retry-min',
      '5',
      '--nonsense',
      'more',
    ]);
    expect(code).toBe(2);
    expect(stderr.split('\n')).toEqual([
      '--nonsense: there is no such flag; see --help',
      'more: there are no arguments, only flags',
      '--import-mode: must be one of Legacy, PreserveOriginal, not "legacy"',
      '--history-limit: must be a whole number from 1 to 1000, not "0"',
      '--retry-min: must be a duration such as 500ms, 30s, 15m or 1h, not "5"',
      'See --help for the settings.',
      '',
    ]);
  });
});

describe('a cluster that cannot be served', () => {
  it.each([
    {
      name: 'without our definitions',
      served: [],
      message:
        'does not know image.openshift.io. Install the custom resource definitions first: kubectl apply --server-side -f crds/',
    },
    {
      name: 'that is OpenShift',
      served: ['/apis/image.openshift.io/v1'],
      message:
        'is an OpenShift cluster, which has image streams of its own. The operator does not start here.',
    },
    {
      name: 'that is OpenShift with our definitions',
      served: ['/apis/image.openshift.io/v1', '/apis/image.openshift.io/v1crd', '/apis/config.openshift.io'],
      message:
        'is an OpenShift cluster, which has image streams of its own. The operator does not start here.',
    },
  ])('$name is refused, with what to do', async ({ served, message }) => {
    await using server = await HttpListener.start((request, response) => {
      const known = served.includes(request.url ?? '');
      response
        .writeHead(known ? 200 : 404)
        .end(JSON.stringify({ kind: 'Status', reason: 'NotFound', message: 'none' }));
    });
    await using kubeconfig = await writeKubeconfig(server.url);
    const { code, stderr } = await run([], kubeconfig.path);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('that does not answer is refused, with what to do', async () => {
    const server = await HttpListener.start(() => undefined);
    const { url } = server;
    await server[Symbol.asyncDispose]();
    await using kubeconfig = await writeKubeconfig(url);
    const { code, stderr } = await run([], kubeconfig.path);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^The API server \S+ cannot be used: connect ECONNREFUSED .* Check the kubeconfig/,
    );
  });

  it('that refuses the credentials is named', async () => {
    await using server = await HttpListener.start((_request, response) => {
      response
        .writeHead(401)
        .end(JSON.stringify({ kind: 'Status', reason: 'Unauthorized', message: 'Unauthorized' }));
    });
    await using kubeconfig = await writeKubeconfig(server.url);
    const { code, stderr } = await run([], kubeconfig.path);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('401 Unauthorized') });
  });

  it('may be no cluster at all: a missing kubeconfig is named', async () => {
    const { code, stderr } = await run([], '/nowhere/config');
    expect(code).toBe(1);
    expect(stderr).toContain('/nowhere/config');
  });
});
