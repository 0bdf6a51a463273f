import type { Logger } from '@lade/log';
import { inSpan } from '@lade/tracing';
import type { FillSpan } from './fill-spans.ts';
import type { Window } from './read-ahead.ts';
import type { ResidentBlob } from './resident-blob.ts';

/** Begins to bring what is likely to be read after a read; `span` is that of the read. */
export function bringAhead(
  blob: ResidentBlob,
  { start, end }: Window,
  { span, log }: { readonly span: FillSpan | undefined; readonly log: Logger },
): void {
  const bring = async (): Promise<unknown> => blob.fill(start, end - start, { urgency: 'ahead' });
  const attributes = { 'lade.offset': start, 'lade.bytes': end - start };
  // Counted among fills, so no work of its own to watchWork().
  const options = { kind: 'internal', attributes } as const;
  const bringing = span?.around(async () => inSpan('read ahead', options, bring)) ?? bring();
  bringing.catch((error: unknown) => {
    log.debug('reading ahead failed', { diffId: blob.diffId, error });
  });
}
