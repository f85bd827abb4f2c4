// The API face as the tests of a run see it: a namespace with a stream that has an image, and calls through the API server.
import { expect, inject } from 'vitest';

import { eventually } from './eventually.ts';
import { SharedCluster } from './fixture.ts';
import type { BuiltImage } from './images.ts';
import {
  type ImageStream,
  type ImageStreamTag,
  type KubeObject,
  resource,
  roleBindings,
} from './resources.ts';
import { Scenario } from './scenario.ts';

/** The custom resources behind what the face shows. */
export const storedStreams = resource<ImageStream>('image.openshift.io/v1crd', 'ImageStream', 'imagestreams');
export const storedTags = resource<ImageStreamTag>(
  'image.openshift.io/v1crd',
  'ImageStreamTag',
  'imagestreamtags',
);

export const roles = resource<KubeObject & { readonly rules: readonly object[] }>(
  'rbac.authorization.k8s.io/v1',
  'Role',
  'roles',
);

/** The path of what the face serves. */
export const served = '/apis/image.openshift.io/v1';

/** A document and the status that it came with. */
export interface FaceAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** What tests of the face work with. */
export class FaceView {
  readonly view: SharedCluster;
  readonly scenario: Scenario;
  /** The image of `web:latest`. */
  readonly pushed: BuiltImage;
  readonly #stack: AsyncDisposableStack;

  /** What the stack holds is given back when the tests are done. */
  protected constructor(parts: Pick<FaceView, 'view' | 'scenario' | 'pushed'>, stack: AsyncDisposableStack) {
    this.view = parts.view;
    this.scenario = parts.scenario;
    this.pushed = parts.pushed;
    this.#stack = stack;
  }

  /** The face that a run has for all tests that leave it running. */
  static async join(): Promise<FaceView> {
    const stack = new AsyncDisposableStack();
    const view = new SharedCluster(inject('faceCluster'));
    stack.defer(() => view.close());
    return new FaceView({ view, ...(await webStream(view, stack)) }, stack);
  }

  /** The path of something in the scenario's namespace. */
  path(rest: string): string {
    return `${served}/namespaces/${this.scenario.namespace}/${rest}`;
  }

  get(path: string): Promise<FaceAnswer> {
    return this.send('GET', path);
  }

  /** As the admin. */
  async send(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    document?: object,
  ): Promise<FaceAnswer> {
    const { status, text } = await this.view.kube.request(method, path, document);
    return { status, body: JSON.parse(text) as Record<string, unknown> };
  }

  /** Runs kubectl in the scenario's namespace, and returns what it printed. */
  async kubectl(...args: readonly string[]): Promise<string> {
    const { stdout, stderr, exitCode } = await this.view.kubectl([
      ...args,
      `--namespace=${this.scenario.namespace}`,
    ]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    return stdout;
  }

  /** Lets a user do these things with all kinds of the group in a namespace, and waits until it counts. */
  async allow(
    user: string,
    namespace: string,
    verbs: readonly string[],
    resources: readonly string[] = ['*'],
  ): Promise<void> {
    const { kube } = this.view;
    const name = `${user}-${verbs.join('-')}`;
    const apiGroup = 'rbac.authorization.k8s.io';
    const rule = { apiGroups: ['image.openshift.io'], resources, verbs };
    await kube.create(roles, { metadata: { namespace, name }, rules: [rule] });
    await kube.create(roleBindings, {
      metadata: { namespace, name },
      subjects: [{ kind: 'User', name: user, apiGroup }],
      roleRef: { kind: 'Role', name, apiGroup },
    });
    await using client = this.view.clientOf(user);
    const path = `${served}/namespaces/${namespace}/imagestreams/none`;
    await eventually(async () => (await client.request('GET', path)).status === 404, {
      what: `the rights of ${user}`,
    });
  }

  async stop(): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** A namespace with the stream `web`, whose tag `latest` has an image. */
export async function webStream(
  view: SharedCluster,
  stack: AsyncDisposableStack,
): Promise<Pick<FaceView, 'scenario' | 'pushed'>> {
  const scenario = await Scenario.start(view);
  stack.use(scenario);
  const pushed = await scenario.push('latest', 'first');
  await scenario.createStream('web', ['latest']);
  await scenario.tagHas('web', 'latest', pushed.digest);
  await eventually(
    async () => {
      const object = await view.kube.find(storedTags, { namespace: scenario.namespace, name: 'web.latest' });
      return object?.image?.dockerImageMetadata !== undefined;
    },
    { what: 'the object of web:latest' },
  );
  return { scenario, pushed };
}
