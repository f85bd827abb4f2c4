/** Whether what was sent has the shape of a stream, as far as a write of it looks: the API server judges the rest. Pure. */
import { isJsonObject, type JsonObject } from '../api/json.ts';
import { readTag, wrongType } from './tag-shape.ts';

/** What of a spec has another type than a stream has there, as the reference's decoder says it; undefined for nothing. */
export function streamShapeProblem({ spec }: JsonObject): string | undefined {
  if (spec === undefined || spec === null) return undefined;
  if (!isJsonObject(spec)) return wrongType(spec, 'ImageStream.spec', 'v1.ImageStreamSpec');
  const tags = spec['tags'] ?? [];
  if (!Array.isArray(tags)) return wrongType(tags, 'ImageStreamSpec.spec.tags', '[]v1.TagReference');
  for (const tag of tags) {
    const read = readTag(tag, 'ImageStreamSpec.spec.tags');
    if ('problem' in read) return read.problem;
  }
  return undefined;
}
