/** What an ImageStreamTag says of workloads that would get its image, but only report it. */
import { modeAnnotation } from '../api/annotations.ts';
import type { TagEventCondition } from '../api/generated/image-stream.ts';

import type { TagObjectContent } from './tag-object.ts';

/** A container that would get the image of a tag. */
export interface TagReport {
  readonly tag: string;
  /** `<kind>/<name>` of its workload; undefined for one of another namespace, whose names are not told. */
  readonly workload: string | undefined;
  readonly container: string;
  /** What it has now. */
  readonly image: string;
}

/** The type of the condition. */
export const reportedCondition = 'UpdateReported';

/** Containers that are named; the others are counted. */
const maxNamed = 10;
/** Of a container's name and image each. */
const maxText = 256;

/** The condition for the reports of a tag; undefined when there are none. The same reports in another order give the same. */
export function reportCondition(
  reports: readonly TagReport[],
  generation = 0,
): TagEventCondition | undefined {
  if (reports.length === 0) return undefined;
  const texts = reports
    .flatMap(({ workload, container, image }) =>
      workload === undefined
        ? []
        : `${workload} container ${cut(container)} (now ${cut(image.trim()) || 'no image'})`,
    )
    .toSorted();
  const named = texts.slice(0, maxNamed);
  const others = reports.length - named.length;
  const list = [...named, ...(others === 0 ? [] : [`${others} others`])].join(', ');
  return {
    type: reportedCondition,
    status: 'True',
    reason: 'ModeReport',
    message: `would get this image, but ${modeAnnotation} of theirs is report: ${list}`,
    generation,
  };
}

/** The contents of ImageStreamTags with the conditions of their reports. */
export function withReports(
  contents: ReadonlyMap<string, TagObjectContent>,
  reports: readonly TagReport[],
): ReadonlyMap<string, TagObjectContent> {
  if (reports.length === 0) return contents;
  return new Map(
    [...contents].map(([tag, content]) => {
      const own = reports.filter((report) => report.tag === tag);
      const condition = reportCondition(own, content.generation);
      const conditions = [...content.conditions, ...(condition === undefined ? [] : [condition])];
      return [tag, { ...content, conditions }] as const;
    }),
  );
}

function cut(text: string): string {
  return text.slice(0, maxText);
}
