/** What changed for a tag with a status: what people are told, once. */
import type { NamedTagEventList } from '../api/generated/image-stream.ts';
import { jsonEqual } from './json-difference.ts';

/** A change of a tag that people hear of: in the log, as an event, as a number. */
export type TagTransition =
  | { readonly kind: 'moved'; readonly tag: string; readonly from: string | undefined; readonly to: string }
  | { readonly kind: 'failed'; readonly tag: string; readonly reason: string; readonly message: string }
  | { readonly kind: 'recovered'; readonly tag: string }
  /** The tag and its history are gone: its ImageStreamTag was deleted, or nothing was left of it. */
  | { readonly kind: 'dropped'; readonly tag: string; readonly images: number }
  /** The repository behind the stream cannot be listed. */
  | { readonly kind: 'listing failed'; readonly reason: string; readonly message: string };

/** The changes from one status of a tag to the next; a failure that stays the same is none. */
export function transitionsOf(before: NamedTagEventList, after: NamedTagEventList): readonly TagTransition[] {
  return [moveOf(before, after), conditionChangeOf(before, after)].filter((change) => change !== undefined);
}

/** True when the message of a stored condition is this one, or what is left of it: long ones are cut to find room. */
export function isSameMessage(stored: string | undefined, message: string): boolean {
  if (stored === undefined || stored === message) return stored === message;
  return stored.endsWith('…') && message.startsWith(stored.slice(0, -1));
}

function moveOf(
  { items: old }: NamedTagEventList,
  { tag, items }: NamedTagEventList,
): TagTransition | undefined {
  const [was, is] = [old?.[0], items?.[0]];
  if (is === undefined || jsonEqual(was, { ...is, generation: was?.generation })) return undefined;
  return { kind: 'moved', tag, from: was?.dockerImageReference, to: is.dockerImageReference };
}

function conditionChangeOf(before: NamedTagEventList, after: NamedTagEventList): TagTransition | undefined {
  const { tag } = after;
  const [was, is] = [before.conditions?.[0], after.conditions?.[0]];
  if (is === undefined) return was === undefined ? undefined : { kind: 'recovered', tag };
  if (isSameMessage(was?.message, is.message ?? '')) return undefined;
  return { kind: 'failed', tag, reason: is.reason ?? '', message: is.message ?? '' };
}
