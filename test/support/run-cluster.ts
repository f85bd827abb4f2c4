// Starts a cluster and prints its facts and process ids as one line of JSON; stays until it is killed. Programs
// started here must not outlive it: test/integration/cluster.test.ts kills it to see.
import { startCluster } from './cluster.ts';

const [, , assets = ''] = process.argv;
const cluster = await startCluster({ assets });
console.log(JSON.stringify({ pids: cluster.pids, dir: cluster.dir }));
// Children alone do not keep Node.js alive for good; this does.
setInterval(() => undefined, 60_000);
