/** What the demo does in its namespace: kubectl as a person would type it, and waiting for what follows from it. */
import type { Cluster } from '../test/support/cluster.ts';
import { eventually } from '../test/support/eventually.ts';
import type { KubeClient } from '../test/support/kube-client.ts';
import type { KubectlResult } from '../test/support/kubectl.ts';
import { deployments, imageStreams } from '../test/support/resources.ts';
import { type Story, seconds } from './story.ts';

const history = String.raw`jsonpath={range .status.tags[0].items[*]}{.created}{"  "}{.dockerImageReference}{"\n"}{end}`;
const containerImage = 'jsonpath={.spec.template.spec.containers[0].image}';

/** kubectl in the namespace `demo`. */
export class Shop {
  readonly #story: Story;
  readonly #cluster: Cluster;
  readonly #signal: AbortSignal;
  readonly #kube: KubeClient;
  /** When the last command returned: what follows is timed from there. */
  #doneAt = 0;

  constructor(options: { story: Story; cluster: Cluster; signal: AbortSignal }) {
    this.#story = options.story;
    this.#cluster = options.cluster;
    this.#signal = options.signal;
    this.#kube = options.cluster.client();
  }

  /** Applies a manifest from standard input, and shows both. */
  async apply(manifest: string): Promise<void> {
    this.#story.command('cat shop.yaml', manifest);
    const { stdout } = await this.#kubectl(['apply', '-f', '-'], manifest);
    this.#story.command('kubectl apply -f shop.yaml', stdout);
  }

  /** Runs a command and shows what it prints. */
  async run(...args: string[]): Promise<void> {
    const { stdout } = await this.#kubectl(args);
    this.#story.command(`kubectl ${args.map(quoted).join(' ')}`, stdout);
  }

  /** The same, for commands that only look. */
  show(...args: string[]): Promise<void> {
    return this.run(...args);
  }

  /** Ends the connections. */
  close(): Promise<void> {
    return this.#kube.close();
  }

  /** Shows the image that the Deployment has now. */
  async showImage(): Promise<void> {
    const { stdout } = await this.#kubectl(['get', 'deployment', 'web', '-o', containerImage]);
    this.#story.command(`kubectl get deployment web -o ${quoted(containerImage)}`, stdout);
  }

  /** Shows the history of the tag, newest first. */
  async showHistory(): Promise<void> {
    const { stdout } = await this.#kubectl(['get', 'imagestream', 'web', '-o', history]);
    this.#story.command(`kubectl get imagestream web -o ${quoted(history)}`, stdout);
  }

  /** Waits until the Deployment's container has the digest, and says how long that took. */
  async deploymentRuns(digest: string, since: string): Promise<void> {
    const image = await this.#awaited('the Deployment to get its image', async () => {
      const { spec } = await this.#kube.get(deployments, { namespace: 'demo', name: 'web' });
      const [container] = spec.template.spec.containers;
      return container?.image.endsWith(digest) === true && container.image;
    });
    this.#story.say(`✓ ${seconds(performance.now() - this.#doneAt)} after ${since} the Deployment has`);
    this.#story.say(`  ${image}`);
  }

  /** Waits until the stream says that its import failed. */
  async importFails(): Promise<void> {
    await this.#awaited('the failed import to show', async () => {
      const { status } = await this.#kube.get(imageStreams, { namespace: 'demo', name: 'web' });
      return (
        status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'False') === true
      );
    });
    this.#story.say(`✓ ${seconds(performance.now() - this.#doneAt)} later the stream says what is wrong`);
  }

  async #kubectl(args: readonly string[], input?: string): Promise<KubectlResult> {
    this.#signal.throwIfAborted();
    const options = input === undefined ? {} : { input };
    const result = await this.#cluster.kubectl([...args, '-n', 'demo'], options);
    this.#doneAt = performance.now();
    if (result.exitCode !== 0) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr}`);
    return result;
  }

  async #awaited<T extends string | true>(what: string, probe: () => Promise<T | false>): Promise<T> {
    return eventually(
      () => {
        if (this.#signal.aborted) throw this.#signal.reason;
        return probe();
      },
      { what, timeoutMs: 30_000 },
    );
  }
}

/** An argument as a shell needs it. */
function quoted(argument: string): string {
  return /^[\w./:=@+-]+$/.test(argument) ? argument : `'${argument}'`;
}
