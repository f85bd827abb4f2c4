// Rights that a user of a face has for a while.
import { eventually } from './eventually.ts';
import type { FaceView } from './face-view.ts';
import { type KubeObject, resource, roleBindings } from './resources.ts';

/** A rule of a Role for the group of image streams. */
export interface ImageRule {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  /** Only objects of these names. */
  readonly resourceNames?: readonly string[];
}

const roles = resource<KubeObject & { readonly rules: readonly object[] }>(
  'rbac.authorization.k8s.io/v1',
  'Role',
  'roles',
);

/** Gives a user a right in the scenario's namespace for as long as `work` takes. */
export async function withRight(
  face: FaceView,
  user: string,
  rule: ImageRule,
  work: () => Promise<void>,
): Promise<void> {
  const { kube } = face.view;
  const { namespace } = face.scenario;
  const name = `of-${user}`;
  await kube.create(roles, {
    metadata: { namespace, name },
    rules: [{ apiGroups: ['image.openshift.io'], ...rule }],
  });
  try {
    await withRole(face, user, { kind: 'Role', name }, async () => {
      await isAllowed(face, user, rule);
      await work();
    });
  } finally {
    await kube.delete(roles, { namespace, name });
  }
}

/** Binds a role to a user in the scenario's namespace for as long as `work` takes. */
export async function withRole(
  face: FaceView,
  user: string,
  { kind, name }: { readonly kind: 'Role' | 'ClusterRole'; readonly name: string },
  work: () => Promise<void>,
): Promise<void> {
  const { kube } = face.view;
  const { namespace } = face.scenario;
  const apiGroup = 'rbac.authorization.k8s.io';
  await kube.create(roleBindings, {
    metadata: { namespace, name: `${user}-${name}` },
    subjects: [{ kind: 'User', name: user, apiGroup }],
    roleRef: { kind, name, apiGroup },
  });
  try {
    await work();
  } finally {
    await kube.delete(roleBindings, { namespace, name: `${user}-${name}` });
  }
}

/** Waits until a user has a right. */
export async function isAllowed(face: FaceView, user: string, rule: ImageRule): Promise<void> {
  const [verb = ''] = rule.verbs;
  const [name = '', subresource] = (rule.resources[0] ?? '').split('/');
  const flags = subresource === undefined ? [] : [`--subresource=${subresource}`];
  const { namespace } = face.scenario;
  const objects = [`${name}.image.openshift.io`, ...(rule.resourceNames ?? []).slice(0, 1)];
  const question = ['auth', 'can-i', verb, objects.join('/'), ...flags, '-n', namespace];
  await eventually(async () => (await face.view.kubectl(question, { user })).exitCode === 0, {
    what: `${user} to be allowed to ${verb} ${rule.resources.join()}`,
  });
}
