/** What a workload's triggers ask for: which images move, what stands in the way. Pure. */
import type { ContainerImage, ContainerList, TriggeredWorkload } from '../api/workload.ts';
import {
  type ContainerSelector,
  type ObjectFieldTrigger,
  parseTriggers,
  type StreamTag,
} from './trigger-annotation.ts';

/** A container that gets another image. */
export interface ImageMove {
  readonly list: ContainerList;
  readonly container: string;
  readonly from: string;
  readonly to: string;
  readonly source: StreamTag;
}

/** All moves of one workload, to be written at once, and sentences about triggers that cannot act. */
export interface TriggerPlan {
  readonly moves: readonly ImageMove[];
  readonly problems: readonly string[];
}

/** The pull spec that a stream tag stands for now; undefined while there is none. */
export type ResolveTag = (source: StreamTag) => string | undefined;

/**
 * Plans the moves of a workload. A tag without an image leaves just its trigger waiting; a paused
 * trigger does nothing; a container that does not exist is a problem. When two triggers address the
 * same container the later one wins, as in the reference.
 */
export function planTriggers(workload: TriggeredWorkload, resolve: ResolveTag): TriggerPlan {
  const { triggers, problems } = parseTriggers(workload.triggers, workload);
  const found = [...problems];
  const moves = new Map<string, ImageMove>();
  for (const trigger of triggers) {
    if (trigger.paused) continue;
    const target = selectContainer(workload, trigger.container);
    if (target === undefined) {
      found.push(`no such container: ${trigger.fieldPath}`);
      continue;
    }
    const to = resolve(trigger.from);
    if (to === undefined) continue;
    moves.set(`${target.list}/${target.name}`, {
      list: target.list,
      container: target.name,
      from: target.image,
      to,
      source: trigger.from,
    });
  }
  return { moves: [...moves.values()].filter((move) => move.from !== move.to), problems: found };
}

/** The stream tags that a workload waits for; paused triggers too, so that nothing is missed when they are let go. */
export function triggerSources(workload: TriggeredWorkload): readonly StreamTag[] {
  return parseTriggers(workload.triggers, workload).triggers.map(
    (trigger: ObjectFieldTrigger) => trigger.from,
  );
}

function selectContainer(
  workload: TriggeredWorkload,
  selector: ContainerSelector,
): (ContainerImage & { list: ContainerList }) | undefined {
  if (selector.by === 'index') {
    const container = workload[selector.list][selector.index];
    return container === undefined ? undefined : { ...container, list: selector.list };
  }
  // By name the reference looks through both lists, whichever the path says; init containers first.
  for (const list of ['initContainers', 'containers'] as const) {
    const container = workload[list].find((candidate) => candidate.name === selector.name);
    if (container !== undefined) return { ...container, list };
  }
  return undefined;
}
