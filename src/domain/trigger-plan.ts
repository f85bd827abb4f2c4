/** What a workload's triggers ask for: which images move, what stands in the way. Pure. */
import { modeAnnotation } from '../api/annotations.ts';
import { parseJsonObject } from '../api/json.ts';
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

/**
 * What a move does: sets the container's image; sets an annotation of the pod template, which rolls out as well and leaves the
 * image to others; or is just told.
 */
export type TriggerMode = 'digest' | 'annotate' | 'report';

/** All moves of one workload, to be written at once, and sentences about triggers that cannot act. */
export interface TriggerPlan {
  readonly mode: TriggerMode;
  readonly moves: readonly ImageMove[];
  readonly problems: readonly string[];
  /** Triggers that are not paused and whose tag has no image to be used. */
  readonly waiting: readonly StreamTag[];
  /** What the tags of the others stand for, by {@link sourceKey}. */
  readonly resolved: ReadonlyMap<string, string>;
  /** The moves of a Job that are made when it has ended. */
  readonly postponed: readonly ImageMove[];
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
  const mode = parseMode(workload);
  const found = [...problems, ...(mode === undefined ? [modeProblem(workload)] : [])];
  const shown = mode === 'annotate' ? parseTemplateImages(workload.templateImages) : undefined;
  const moves = new Map<string, ImageMove>();
  const waiting: StreamTag[] = [];
  const resolved = new Map<string, string>();
  for (const trigger of triggers) {
    if (trigger.paused) continue;
    const target = selectContainer(workload, trigger.container);
    if (target === undefined) {
      found.push(
        `${workload.imagePath === undefined ? 'no such container' : 'no text there'}: ${trigger.fieldPath}`,
      );
      continue;
    }
    const to = resolve(trigger.from);
    if (to === undefined) {
      waiting.push(trigger.from);
      continue;
    }
    resolved.set(sourceKey(trigger.from), to);
    moves.set(`${target.list}/${target.name}`, {
      list: target.list,
      container: target.name,
      from: shown === undefined ? target.image : (shown.get(target.name) ?? ''),
      to,
      source: trigger.from,
    });
  }
  return {
    // What cannot be read writes nothing.
    mode: mode ?? 'report',
    moves: mode === undefined ? [] : [...moves.values()].filter((move) => move.from !== move.to),
    problems: found,
    waiting,
    resolved,
    postponed: [],
  };
}

/** `<namespace>/<stream>:<tag>`. */
export function sourceKey({ namespace, stream, tag }: StreamTag): string {
  return `${namespace}/${stream}:${tag}`;
}

/** The text for the pod template after some moves: the images by container, in the order of their names. */
export function templateImagesWith(text: string | undefined, moves: readonly ImageMove[]): string {
  const images = new Map(parseTemplateImages(text));
  for (const { container, to } of moves) images.set(container, to);
  return JSON.stringify(Object.fromEntries([...images].toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

/** Whatever else somebody has written there does not count. */
function parseTemplateImages(text: string | undefined): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(parseJsonObject(text ?? '') ?? {}).flatMap(([name, image]) =>
      typeof image === 'string' ? [[name, image]] : [],
    ),
  );
}

function parseMode({ mode, imagePath }: TriggeredWorkload): TriggerMode | undefined {
  if (mode === undefined || mode === 'digest') return 'digest';
  // Without a pod template there is none to be annotated.
  if (mode === 'annotate') return imagePath === undefined ? mode : undefined;
  return mode === 'report' ? mode : undefined;
}

function modeProblem({ mode: text, imagePath }: TriggeredWorkload): string {
  if (text === 'annotate' && imagePath !== undefined)
    return `${modeAnnotation} must be digest or report: the kind has no pod template to annotate; no image moves`;
  return `${modeAnnotation} must be digest, annotate or report, not ${JSON.stringify(text).slice(0, 128)}: no image moves`;
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
