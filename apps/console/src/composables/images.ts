import type { ImageSummary } from '@lade/control-protocol';
import { fetchImages } from '../api/endpoints.ts';
import { namespace } from './namespace.ts';
import { usePoll, type Polled } from './use-poll.ts';

/** Those that bucket or containerd know, in the namespace that is looked at; see usePoll(). */
export function useImages(everyMs: number): Polled<readonly ImageSummary[]> {
  return usePoll(async (options) => fetchImages(namespace.value, options), everyMs);
}

/** The names of the images that have a layer, each once, in their order. */
export function namesOf(images: readonly ImageSummary[], diffId: string): readonly string[] {
  const having = images.filter(({ layers }) => layers.some((layer) => layer.diffId === diffId));
  return [...new Set(having.map(({ name }) => name))];
}
