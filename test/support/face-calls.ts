// Requests to the API face as oc and kubectl make them, by any user and with any body.
import { Agent, type Dispatcher, request } from 'undici';

import { eventually } from './eventually.ts';
import { type FaceAnswer, FaceView, roles } from './face-view.ts';
import { roleBindings } from './resources.ts';

export const group = 'image.openshift.io';

/** The content types of patches. */
export const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** One request. */
export interface Call {
  readonly method: Dispatcher.HttpMethod;
  /** Of the scenario's namespace, or with a slash in front any. */
  readonly path: string;
  /** A text is sent as it is. */
  readonly body?: object | string;
  readonly type?: string;
  readonly user?: string;
}

/** An ImageStreamTag as a client sends it. */
export function istag(name: string, tag: object | null, metadata: object = {}): object {
  return { kind: 'ImageStreamTag', apiVersion: `${group}/v1`, metadata: { name, ...metadata }, tag };
}

/** An ImageTag as a client sends it. */
export function itag(name: string, spec: object | null, more: object = {}): object {
  return { kind: 'ImageTag', apiVersion: `${group}/v1`, metadata: { name }, spec, ...more };
}

/** The message of a Status. */
export function messageOf({ body }: Pick<FaceAnswer, 'body'>): string {
  return String(body['message']);
}

/** A face, and requests to it. */
export class FaceCalls {
  readonly face: FaceView;
  readonly #agent: Agent;

  private constructor(face: FaceView) {
    this.face = face;
    this.#agent = new Agent({ connect: { ca: face.view.facts.ca } });
  }

  static async start(): Promise<FaceCalls> {
    return new FaceCalls(await FaceView.join());
  }

  async call({ method, path, body, type = 'application/json', user = 'admin' }: Call) {
    const { facts } = this.face.view;
    const answer = await request(facts.url + (path.startsWith('/') ? path : this.face.path(path)), {
      method,
      dispatcher: this.#agent,
      headers: {
        authorization: `Bearer ${facts.tokens[user] ?? ''}`,
        // What a Go client says that was told nothing else, oc among them.
        accept: 'application/json, */*',
        ...(body === undefined ? {} : { 'content-type': type }),
      },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const document = (await answer.body.json()) as Record<string, unknown>;
    return { status: answer.statusCode, body: document, headers: answer.headers };
  }

  get(path: string): Promise<FaceAnswer> {
    return this.face.get(this.face.path(path));
  }

  /** An ImageStreamTag under the name of the path, as oc puts it. */
  put(
    name: string,
    tag: object | null,
    { metadata, user = 'admin', query = '' }: { metadata?: object; user?: string; query?: string } = {},
  ) {
    const path = `imagestreamtags/${encodeURIComponent(name)}${query}`;
    return this.call({ method: 'PUT', path, body: istag(name, tag, metadata), user });
  }

  /** The image that the stream `web` has, as the source of a tag. */
  fromImage(more: object = {}): object {
    return { kind: 'ImageStreamImage', name: `web@${this.face.pushed.digest}`, ...more };
  }

  /** A tag that follows an image of the scenario's repository. */
  pulled(tag: string, more: object = {}): Readonly<Record<string, unknown>> {
    return {
      from: { kind: 'DockerImage', name: this.face.scenario.pullSpec(tag) },
      importPolicy: { insecure: true },
      ...more,
    };
  }

  /** Gives somebody a few verbs on a resource of the group, in a namespace, and waits until they hold. */
  async allow(
    subject: { readonly kind: 'User' | 'Group'; readonly name: string },
    verbs: readonly string[],
    { resource: what, namespace = this.face.scenario.namespace }: { resource: string; namespace?: string },
  ): Promise<void> {
    const { kube } = this.face.view;
    const name = `${subject.name.replaceAll(':', '.')}-${verbs.join('-')}-${what.replaceAll('/', '.')}`;
    const rule = { apiGroups: [group], resources: [what], verbs };
    const apiGroup = 'rbac.authorization.k8s.io';
    await kube.create(roles, { metadata: { namespace, name }, rules: [rule] });
    await kube.create(roleBindings, {
      metadata: { namespace, name },
      subjects: [{ ...subject, apiGroup }],
      roleRef: { kind: 'Role', name, apiGroup },
    });
    const [plural = '', subresource] = what.split('/');
    const as = subject.kind === 'User' ? ['--as', subject.name] : ['--as', 'x', '--as-group', subject.name];
    const of = subresource === undefined ? [] : ['--subresource', subresource];
    const question = ['auth', 'can-i', verbs[0] ?? '', `${plural}.${group}`, '-n', namespace, ...of, ...as];
    await eventually(async () => (await this.face.view.kubectl(question)).exitCode === 0, {
      what: `the rights of ${subject.name}`,
    });
  }

  async stop(): Promise<void> {
    await this.#agent.destroy();
    await this.face.stop();
  }
}
