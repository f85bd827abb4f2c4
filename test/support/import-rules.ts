/** The parts of src/ and who may import whom: test/architecture.test.ts holds the code against it. */

/** What an area may import. */
export interface AreaRules {
  /** Other areas; `kube` stands for the folder, `domain/backoff.ts` for one file of it. */
  readonly areas: readonly string[];
  /** Packages, modules of Node, and files outside of src/. */
  readonly packages: readonly string[];
}

/**
 * Who may import what. An area is a folder of src/ or a file in it; within a folder everything may be imported. `type`
 * marks what may be imported for its types only. Nothing else is allowed, and what nobody uses must go from this table.
 */
export const rules: Readonly<Record<string, AreaRules>> = {
  api: { areas: [], packages: [] },
  domain: { areas: ['api'], packages: [] },
  runtime: { areas: [], packages: ['node:crypto', 'node:zlib'] },
  registry: { areas: ['api', 'domain', 'runtime'], packages: ['node:crypto'] },
  kube: {
    areas: ['api', 'domain/backoff.ts', 'runtime', 'type observability/metrics.ts'],
    packages: ['type pino', 'type undici'],
  },
  controllers: {
    areas: [
      'api',
      'domain',
      'kube',
      'registry',
      'runtime/abortable.ts',
      'runtime/bounded-map.ts',
      'runtime/codec.ts',
      'type runtime',
      'type observability/metrics.ts',
    ],
    packages: ['type pino'],
  },
  face: {
    areas: [
      'api',
      'domain',
      'kube',
      'runtime',
      'type controllers/registry-looks.ts',
      'type observability/face-metrics.ts',
    ],
    packages: [
      'js-yaml',
      'node:crypto',
      'node:events',
      'node:http2',
      'node:stream',
      'node:stream/promises',
      'node:string_decoder',
      'type node:http',
      'type node:net',
      'type node:tls',
      'type pino',
      'type undici',
    ],
  },
  'face-main.ts': {
    areas: [
      'face/face.ts',
      'invocation.ts',
      'observability',
      'registry/proxy.ts',
      'type config.ts',
      'type face/serving-identity.ts',
    ],
    packages: ['../package.json', 'node:fs/promises'],
  },
  server: { areas: [], packages: ['node:http', 'type node:net', 'type prom-client'] },
  observability: { areas: ['domain/import-reason.ts'], packages: ['pino', 'prom-client'] },
  'config.ts': { areas: ['type domain', 'type observability/logger.ts'], packages: [] },
  'settings.ts': {
    areas: ['domain/named-kind.ts', 'observability/logger.ts', 'setting-values.ts', 'type config.ts'],
    packages: [],
  },
  'stores.ts': {
    areas: ['api', 'controllers', 'kube', 'type config.ts', 'type observability/metrics.ts', 'type runtime'],
    packages: ['type pino'],
  },
  'leadership.ts': {
    areas: ['api', 'domain/shard.ts', 'kube', 'runtime', 'type config.ts', 'type observability/metrics.ts'],
    packages: ['type pino'],
  },
  'setting-values.ts': { areas: ['type domain/manifest.ts'], packages: [] },
  'settings-file.ts': {
    areas: [
      'api/json.ts',
      'domain/document-node.ts',
      'runtime/yaml-document.ts',
      'settings.ts',
      'type config.ts',
    ],
    packages: ['node:fs'],
  },
  'invocation.ts': {
    areas: ['settings-file.ts', 'settings.ts', 'type config.ts'],
    packages: ['node:util'],
  },
  'registry-stack.ts': {
    areas: [
      'controllers',
      'domain/registry-policy.ts',
      'registry',
      'type config.ts',
      'type kube/client.ts',
      'type runtime',
    ],
    packages: ['node:fs/promises', 'type pino'],
  },
  'notification-receiver.ts': {
    areas: [
      'runtime/watched-file.ts',
      'server/notification-relay.ts',
      'server/notification-server.ts',
      'type config.ts',
      'type domain/push-notification.ts',
      'type observability/metrics.ts',
      'type runtime',
    ],
    packages: ['node:fs/promises', 'type pino'],
  },
  'operator.ts': {
    areas: [
      'controllers',
      'kube',
      'leadership.ts',
      'notification-receiver.ts',
      'registry-stack.ts',
      'server/http-server.ts',
      'stores.ts',
      'type config.ts',
      'type domain/push-notification.ts',
      'type observability/metrics.ts',
      'type registry/proxy.ts',
      'type runtime',
    ],
    packages: ['type pino'],
  },
  'main.ts': {
    areas: ['invocation.ts', 'observability', 'operator.ts', 'registry/proxy.ts', 'runtime'],
    packages: ['../package.json', 'node:crypto', 'node:os'],
  },
};

/** What single files may import beyond their area: each edge to the outside is one file. */
export const exceptions: Readonly<Record<string, readonly string[]>> = {
  'controllers/image-sweeper.ts': ['runtime/clock.ts'],
  'controllers/importer.ts': ['runtime/clock.ts'],
  'controllers/job-replacer.ts': ['runtime/clock.ts'],
  'controllers/registry-access.ts': ['runtime/bounded-body.ts'],
  'controllers/tag-object-writer.ts': ['runtime/stable-hash.ts'],
  'controllers/tag-objects.ts': ['runtime/stable-hash.ts'],
  'face/face.ts': [
    'controllers/registry-looks.ts',
    'registry-stack.ts',
    'server/http-server.ts',
    'type config.ts',
    'type registry/proxy.ts',
  ],
  'face/serving-certificate.ts': ['@peculiar/x509', 'reflect-metadata'],
  'kube/transport.ts': ['node:crypto', 'type node:https', 'node:tls', '@kubernetes/client-node', 'undici'],
  'registry/address-guard.ts': ['node:net'],
  'registry/connection-pools.ts': ['type node:tls', 'undici'],
  'registry/connector.ts': ['type node:dns', 'type node:net', 'type node:tls', 'undici'],
  'registry/policy-file.ts': ['node:fs/promises', 'type pino'],
  'registry/proxy.ts': ['node:net'],
  'registry/realm-rules.ts': ['tldts'],
  'registry/transport.ts': ['node:dns', 'undici'],
  'registry/trust-roots.ts': ['node:tls'],
  'runtime/garbage.ts': ['node:v8', 'node:vm'],
  'runtime/watched-file.ts': ['node:fs/promises'],
  'runtime/yaml-document.ts': ['js-yaml', 'domain/import-failure.ts'],
  'server/notification-server.ts': [
    'domain/push-notification.ts',
    'node:crypto',
    'type pino',
    'type runtime/clock.ts',
  ],
};
