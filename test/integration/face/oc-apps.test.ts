// The API face: `oc new-app`, `oc set`, `oc status` and `oc get`, call by call, and kubectl where it does the same.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAllowed, withRole } from '../../support/borrowed-rights.ts';
import { FaceCalls, patchTypes } from '../../support/face-calls.ts';
import { served } from '../../support/face-view.ts';
import { type BuiltImage, pushImage } from '../../support/images.ts';
import { Oc, type WireStream, wireImageStream, wireImageStreamTag, wireSource } from '../../support/oc.ts';
import { deployments } from '../../support/resources.ts';
import { trigger, triggers } from '../../support/scenario.ts';
import { success } from '../../support/stream-imports.ts';

interface Found {
  readonly dockerImageMetadata: { readonly Config: typeof run };
}

let calls: FaceCalls;
let oc: Oc;
/** An image that nobody else has and that says how to run it: `app:latest`, in the registry under the tag `app`. */
let app: BuiltImage;

const run = { ExposedPorts: { '8080/tcp': {} }, Volumes: { '/data': {} } };

beforeAll(async () => {
  calls = await FaceCalls.start();
  oc = new Oc(calls);
  const { scenario, view } = calls.face;
  const { repository } = scenario;
  const target = { host: view.registryHost, repository, tag: 'app' };
  app = await pushImage(target, { content: repository, environment: { A: 'b' }, run });
  await scenario.createTags('app', [scenario.dockerTag('latest', 'app')]);
  await scenario.tagHas('app', 'latest', app.digest);
}, 120_000);
afterAll(() => calls?.stop());

/** As somebody with the role `edit`, who has no right elsewhere. */
const asEditor = (work: (editor: Oc) => Promise<void>): Promise<void> =>
  withRole(calls.face, 'alice', { kind: 'ClusterRole', name: 'edit' }, async () => {
    await isAllowed(calls.face, 'alice', { verbs: ['create'], resources: ['imagestreamimports'] });
    await work(new Oc(calls, 'alice'));
  });

/** The status of an answer of any API. */
const statusOf = async (path: string, user = 'admin'): Promise<number> => {
  await using client = calls.face.view.clientOf(user);
  return (await client.request('GET', path)).status;
};

describe('oc new-app', () => {
  const generated = { 'openshift.io/generated-by': 'OpenShiftNewApp' };
  const labels = { app: 'shop' };
  const insecure = { insecure: true };

  /** What it makes to run an image whose configuration it has: the image is a blank until a trigger has set it. */
  const workload = (name: string, source: object, config: typeof run) => {
    const volumes = Object.keys(config.Volumes).map((mountPath, i) => ({ name: `${name}-${i}`, mountPath }));
    const ports = Object.keys(config.ExposedPorts).map((port) => ({
      containerPort: Number.parseInt(port, 10),
    }));
    const selector = { deployment: name };
    return {
      metadata: {
        name,
        namespace: calls.face.scenario.namespace,
        labels,
        annotations: { ...generated, ...triggers(source) },
      },
      spec: {
        replicas: 1,
        selector: { matchLabels: selector },
        template: {
          metadata: { labels: selector },
          spec: {
            containers: [{ name, image: ' ', ports, volumeMounts: volumes }],
            volumes: volumes.map((volume) => ({ name: volume.name, emptyDir: {} })),
          },
        },
      },
    };
  };

  it('of an image looks at it, and makes a stream and a Deployment that gets its digest', async () => {
    const { scenario, view } = calls.face;
    await asEditor(async (editor) => {
      // Streams and templates here and in the namespace of those that all may use, which is not there.
      expect((await editor.get('imagestreams')).status).toBe(200);
      expect((await editor.get(`${served}/namespaces/openshift/imagestreams`)).status).toBe(403);
      for (const namespace of [scenario.namespace, 'openshift'])
        expect([403, 404]).toContain(
          await statusOf(`/apis/template.openshift.io/v1/namespaces/${namespace}/templates`, 'alice'),
        );
      const source = scenario.pullSpec('app');
      const images = [wireSource(source, insecure)];
      const looked = await editor.import('newapp', { import: false, images });
      expect(looked.body).toMatchObject({
        spec: { images: [{ from: { name: source } }] },
        status: { images: [{ status: success, image: { dockerImageMetadataVersion: '1.0' } }] },
      });
      const [found] = (looked.body['status'] as { images: readonly { image: Found }[] }).images;
      const { Config: config } = found?.image.dockerImageMetadata ?? { Config: run };
      expect(config).toMatchObject({ ...run, Env: ['A=b'] });

      expect((await editor.get('imagestreams/shop')).status).toBe(404);
      expect((await editor.get('imagestreamtags/shop:app')).status).toBe(404);
      const annotations = { 'openshift.io/imported-from': source };
      const from = { kind: 'DockerImage', name: source };
      const tags = [{ name: 'app', annotations, from, importPolicy: insecure }];
      const stream = wireImageStream({ name: 'shop', labels, annotations: generated }, { tags });
      const made = await editor.send('POST', 'imagestreams', stream);
      expect(made).toMatchObject({ status: 201, body: { metadata: { labels, generation: 1 } } });
      await using client = view.clientOf('alice');
      await client.create(deployments, workload('shop', trigger('shop:app', 'shop'), config));
    });
    const { spec } = await scenario.containerHas('shop', 'shop', scenario.pinned(app.digest));
    expect(spec.template.spec.containers).toMatchObject([{ ports: [{ containerPort: 8080 }] }]);
    expect((await oc.get('imagestreamtags/shop:app')).body).toMatchObject({
      tag: { annotations: { 'openshift.io/imported-from': scenario.pullSpec('app') } },
    });
  });

  it('of an image stream finds it by its name, and the configuration of its image', async () => {
    const { scenario, view } = calls.face;
    const { body } = await oc.get('imagestreams');
    expect((await oc.get(`${served}/namespaces/openshift/imagestreams`)).body['items']).toEqual([]);
    const streams = body['items'] as readonly WireStream[];
    const web = streams.find(({ metadata }) => metadata.name === 'web');
    // With a generation a stream takes tags directly.
    expect(web?.metadata).toMatchObject({ namespace: scenario.namespace, generation: 1 });
    const [entry] = web?.status.tags ?? [];
    expect(entry?.items?.[0]?.image).toBe(calls.face.pushed.digest);
    expect(await oc.get(`imagestreamimages/web@${entry?.items?.[0]?.image}`)).toMatchObject({
      status: 200,
      body: { image: { dockerImageMetadata: { Config: { Entrypoint: ['/bin/sh'] } } } },
    });
    const source = trigger('web:latest', 'from-stream');
    await view.kube.create(deployments, workload('from-stream', source, run));
    await scenario.containerHas('from-stream', 'from-stream', scenario.pinned(calls.face.pushed.digest));
  });

  it('of a tag that a stream lacks makes the tag, with labels that streams have', async () => {
    const source = calls.face.scenario.pullSpec('app');
    const body = wireImageStreamTag(
      { name: 'web:app', labels, annotations: { ...generated, 'openshift.io/imported-from': source } },
      { name: 'app', from: { kind: 'DockerImage', name: source }, importPolicy: insecure },
    );
    expect(await oc.send('POST', 'imagestreamtags', body)).toMatchObject({
      status: 201,
      body: { metadata: { name: 'web:app' }, tag: { name: 'app', generation: 2 } },
    });
    await calls.face.scenario.tagHas('web', 'app', app.digest);
  });

  it.each([
    { name: 'is not there', tag: 'nowhere', reason: 'NotFound' },
    { name: 'is behind an authority that nobody knows', tag: 'app', reason: 'InternalError' },
  ])('of an image that $name goes on to look elsewhere', async ({ tag, reason }) => {
    const policy = reason === 'NotFound' ? insecure : {};
    const images = [wireSource(calls.face.scenario.pullSpec(tag), policy)];
    const { body } = await oc.import('newapp', { import: false, images });
    expect(body).toMatchObject({ status: { images: [{ status: { status: 'Failure', reason } }] } });
  });
});

describe('oc set', () => {
  const byHand = 'example.com/none:2';
  /** Sets an image by hand, and returns the one that the container has when a workload that was made later has been dealt with. */
  const handled = async (name: string): Promise<string | undefined> => {
    const { scenario, pushed } = calls.face;
    await calls.face.kubectl('set', 'image', `deployment/${name}`, `main=${byHand}`);
    const later = `after-${name}`;
    await scenario.createDeployment(later, { main: byHand }, triggers(trigger('web:latest', 'main')));
    await scenario.containerHas(later, 'main', scenario.pinned(pushed.digest));
    return (await scenario.deployment(name)).spec.template.spec.containers[0]?.image;
  };

  it('triggers, --manual and --auto', async () => {
    const { scenario, pushed } = calls.face;
    await scenario.createDeployment('triggered', { main: 'example.com/none:1' }, {});
    const place = { namespace: scenario.namespace, name: 'triggered', patchType: 'strategic' } as const;
    const set = (entry: object) =>
      calls.face.view.kube.patch(deployments, place, { metadata: { annotations: triggers(entry) } });
    await set(trigger('web:latest', 'main'));
    await scenario.containerHas('triggered', 'main', scenario.pinned(pushed.digest));
    await set({ ...trigger('web:latest', 'main'), paused: true });
    expect(await handled('triggered')).toBe(byHand);
    await set(trigger('web:latest', 'main'));
    await scenario.containerHas('triggered', 'main', scenario.pinned(pushed.digest));
  });

  it('triggers --remove of the last one leaves the text null, which is no trigger', async () => {
    const nothing = { 'image.openshift.io/triggers': 'null' };
    await calls.face.scenario.createDeployment('untriggered', { main: 'example.com/none:1' }, nothing);
    expect(await handled('untriggered')).toBe(byHand);
  });

  it('image-lookup', async () => {
    await oc.send('POST', 'imagestreams', wireImageStream({ name: 'lookup' }));
    for (const local of [true, false]) {
      const body = { spec: { lookupPolicy: { local } } };
      const path = 'imagestreams/lookup';
      expect(await calls.call({ method: 'PATCH', path, body, type: patchTypes.strategic })).toMatchObject({
        status: 200,
        body: { kind: 'ImageStream', apiVersion: 'image.openshift.io/v1', spec: { lookupPolicy: { local } } },
      });
      const { body: list } = await oc.get('imagestreams?limit=500');
      const streams = list['items'] as readonly WireStream[];
      expect(streams.find(({ metadata }) => metadata.name === 'lookup')?.spec.lookupPolicy.local).toBe(local);
    }
  });

  it.each(['imagestreamtags/app:latest', 'imagestreamimages/app@<digest>'])(
    'image --source of %s',
    async (source) => {
      const { scenario } = calls.face;
      const { body } = await oc.get(source.replace('<digest>', app.digest));
      const { dockerImageReference } = body['image'] as { dockerImageReference: string };
      const name = source.split('/')[0] ?? '';
      await scenario.createDeployment(name, { main: 'example.com/none:1' }, {});
      await calls.face.kubectl('set', 'image', `deployment/${name}`, `main=${dockerImageReference}`);
      await scenario.containerHas(name, 'main', scenario.pinned(app.digest));
    },
  );
});

describe('oc status', () => {
  it('--all-namespaces lists streams everywhere, and what is not served is a 404', async () => {
    expect((await oc.get(`${served}/imagestreams`)).body).toMatchObject({ kind: 'ImageStreamList' });
    for (const [group, kind] of [
      ['build', 'buildconfigs'],
      ['build', 'builds'],
      ['apps', 'deploymentconfigs'],
      ['route', 'routes'],
      ['project', 'projects'],
    ])
      expect(await statusOf(`/apis/${group}.openshift.io/v1/${kind}`)).toBe(404);
  });
});

describe('the roles of a namespace', () => {
  it('edit sets tags in both ways, imports and deletes', async () => {
    const tag = { from: { kind: 'ImageStreamImage', name: `web@${calls.face.pushed.digest}` } };
    await asEditor(async (editor) => {
      expect(await editor.tag('edited:one', tag)).toMatchObject({ status: 201, ways: ['PUT istag'] });
      const itag = { kind: 'ImageTag', metadata: { name: 'edited:two' }, spec: { name: 'two', ...tag } };
      expect((await editor.send('POST', 'imagetags', itag)).status).toBe(201);
      expect((await editor.send('DELETE', 'imagetags/edited:two')).status).toBe(200);
      expect((await editor.untag('edited:one')).ways).toEqual(['DELETE istag']);
      const mapping = { kind: 'ImageStreamMapping', metadata: { name: 'edited' }, tag: 'pushed' };
      expect((await editor.send('POST', 'imagestreammappings', mapping)).status).toBe(403);
    });
  });

  it('view reads everything of the namespace, and writes nothing', async () => {
    await withRole(calls.face, 'bob', { kind: 'ClusterRole', name: 'view' }, async () => {
      await isAllowed(calls.face, 'bob', { verbs: ['get'], resources: ['imagestreamimages'] });
      const viewer = new Oc(calls, 'bob');
      const id = calls.face.pushed.digest;
      for (const path of ['imagestreams', 'imagestreamtags', 'imagetags', `imagestreamimages/web@${id}`])
        expect((await viewer.get(path)).status).toBe(200);
      expect((await viewer.get(`${served}/images/${id}`)).status).toBe(403);
      expect((await viewer.send('DELETE', 'imagetags/web:latest')).status).toBe(403);
      const images = [wireSource(calls.face.scenario.pullSpec('latest'))];
      expect((await viewer.import('web', { import: false, images })).status).toBe(403);
    });
  });
});

describe('kubectl', () => {
  it.each([
    { what: 'is/app', columns: ['NAME', 'IMAGE REPOSITORY', 'TAGS', 'UPDATED'] },
    { what: 'istag/app:latest', columns: ['NAME', 'IMAGE REFERENCE', 'UPDATED', 'IMAGE NAME'] },
    { what: 'itag/app:latest', columns: ['NAME', 'SPEC', 'STATUS', 'HISTORY', 'UPDATED'] },
    { what: 'isimage/app@<digest>', columns: ['NAME', 'UPDATED', 'IMAGE REFERENCE', 'IMAGE NAME'] },
    { what: 'image/<digest>', columns: ['NAME', 'IMAGE REFERENCE'] },
  ])('get $what -o wide has $columns', async ({ what, columns }) => {
    const { scenario } = calls.face;
    const name = what.replace('<digest>', app.digest);
    const [head = '', row = ''] = (await calls.face.kubectl('get', name, '-o', 'wide')).split('\n');
    expect(head.trim().split(/\s{2,}/)).toEqual(columns);
    expect(row).toContain(name.slice(name.indexOf('/') + 1));
    if (columns.includes('UPDATED')) expect(row).toMatch(/(second|minute)s? ago/);
    if (columns.includes('IMAGE REFERENCE')) expect(row).toContain(scenario.pinned(app.digest));
    if (columns.includes('STATUS')) expect(row).toMatch(new RegExp(`\\sTag\\s+image/${app.digest}\\s+1\\s`));
  });

  it('get all has the streams once', async () => {
    const rows = (await calls.face.kubectl('get', 'all', '-o', 'name')).trim().split('\n');
    expect(rows.filter((row) => row.endsWith('/web'))).toEqual(['imagestream.image.openshift.io/web']);
  });

  it('waits for the image of a tag by its path, and says what it deleted', async () => {
    const { digest } = calls.face.pushed;
    const from = { kind: 'ImageStreamTag', name: 'web:latest' };
    await oc.tag('waited:one', { from });
    const path = `jsonpath={.status.tags[0].items[0].image}=${digest}`;
    expect(await calls.face.kubectl('wait', `--for=${path}`, 'is/waited', '--timeout=20s')).toContain('met');
    expect(await calls.face.kubectl('delete', 'is/waited')).toContain(
      'imagestream.image.openshift.io "waited" deleted',
    );
  });
});
