/** Which part of a cluster a namespace is in, when several processes share the work. */
import { spread } from './backoff.ts';

/** The shard of a namespace, from 0 to one less than the number of shards: the same in every process and every version. */
export function shardOf(namespace: string, shards: number): number {
  return mixed(spread(namespace) * 2 ** 32) % shards;
}

/** Names that differ in their last letters only have hashes that are close to each other: the end of MurmurHash3 spreads them. */
function mixed(hash: number): number {
  let mix = hash ^ (hash >>> 16);
  mix = Math.imul(mix, 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}
