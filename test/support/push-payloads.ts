/** Bodies of push notifications as registries send them; where they are described: docs/how-to/push-notifications.md. */
import type { NotificationHint } from '../../src/domain/push-notification.ts';
import { digest } from './builders.ts';

/** The digest of everything that these notifications say was pushed. */
export const pushedDigest = digest('a');

/** An event as the distribution registry puts it into its envelope. */
export function distributionEvent({
  action = 'push',
  target = {},
  host = 'registry.example.com:5000',
}: {
  action?: string;
  target?: object;
  host?: unknown;
}): object {
  return {
    id: '320678d8-ca14-430f-8bb6-4ca139cd83f7',
    timestamp: '2026-03-09T14:44:26.402973972Z',
    action,
    target: {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: pushedDigest,
      size: 708,
      length: 708,
      repository: 'team/app',
      url: `http://registry.example.com:5000/v2/team/app/manifests/${pushedDigest}`,
      tag: 'latest',
      ...target,
    },
    request: {
      id: '6df24a34-0959-4923-81ca-14f09767db19',
      addr: '192.168.64.11:42961',
      host,
      method: 'PUT',
      useragent: 'curl/8',
    },
    actor: { name: 'ci' },
    source: { addr: 'node-1:5000', instanceID: 'a53db899-3b4b-4a62-a067-8dd013beaca4' },
  };
}

/** What both payload formats of Harbor have in common. */
export function harborData(resources: readonly object[]): object {
  return {
    resources,
    repository: {
      date_created: 1677053165,
      name: 'busybox',
      namespace: 'library',
      repo_full_name: 'library/busybox',
      repo_type: 'public',
    },
  };
}

/** A tag of `library/busybox` at `harbor.example.com`. */
export function harborResource(tag: string): object {
  return { digest: pushedDigest, tag, resource_url: `harbor.example.com/library/busybox:${tag}` };
}

/** Harbor's payload format `Default`. */
export function harborDefault(type: string, data: object): object {
  return { type, occur_at: 1678082923, operator: 'admin', event_data: data };
}

/** Harbor's payload format `CloudEvents`. */
export function harborCloudEvent(type: string, data: object): object {
  return {
    specversion: '1.0',
    requestid: '2eedfab8-61d3-4f3c-8ec3-8f82d1ec4c84',
    id: '4b2f89a6-548d-4c12-9993-a1f5790b97d2',
    source: '/projects/1/webhook/policies/3',
    type,
    datacontenttype: 'application/json',
    time: '2023-03-06T06:08:43Z',
    data,
    operator: 'admin',
  };
}

/** What zot says of `space/my-image`. */
export function zotData(reference: string): object {
  return {
    name: 'space/my-image',
    reference,
    digest: pushedDigest,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    manifest: '{"schemaVersion":2}',
  };
}

/** What zot puts into headers: the attributes of the CloudEvent. */
export function zotHeaders(type: string, source = 'zotregistry.dev'): NotificationHint['headers'] {
  return { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-type': type, 'ce-source': source };
}

/** Quay's event `repo_push` of `quay.io/org/test`. */
export function quay(updatedTags: unknown, more: object = {}): object {
  return {
    name: 'test',
    repository: 'org/test',
    namespace: 'org',
    docker_url: 'quay.io/org/test',
    homepage: 'https://quay.io/repository/org/test',
    updated_tags: updatedTags,
    ...more,
  };
}

/** Docker Hub's only event. */
export function dockerHub(name: unknown, tag: unknown): object {
  return {
    callback_url: 'https://registry.hub.docker.com/u/org/app/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/',
    push_data: { pushed_at: 1417566161, pusher: 'trustedbuilder', tag },
    repository: {
      name: 'app',
      namespace: 'org',
      repo_name: name,
      repo_url: 'https://hub.docker.com/r/org/app',
    },
  };
}

/** The package in GitHub's events `package` and `registry_package`. */
export function gitHubPackage(tag: string): object {
  return {
    id: 10696,
    name: 'Hello-World',
    namespace: 'Octo-Org',
    ecosystem: 'CONTAINER',
    package_type: 'CONTAINER',
    package_version: {
      id: 57755791,
      version: pushedDigest,
      container_metadata: { tag: { name: tag, digest: pushedDigest }, manifest: { digest: pushedDigest } },
      package_url: `ghcr.io/Octo-Org/Hello-World:${tag}`,
    },
  };
}
