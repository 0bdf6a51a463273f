import { CodedError } from '@lade/errors';

export type Labels = Readonly<Record<string, string>>;

/** containerd's own limit (`pkg/labels`), key and value together. */
const MAX_LABEL_BYTES = 4096;

/** `labels` without the empty ones, which containerd never stores; `invalid_argument` for one that is too long. */
export function storableLabels(labels: Labels): Labels {
  const entries = Object.entries(labels).filter(([, value]) => value !== '');
  for (const [key, value] of entries) {
    if (Buffer.byteLength(key) + Buffer.byteLength(value) <= MAX_LABEL_BYTES) continue;
    throw new CodedError(
      'invalid_argument',
      `Cannot store label ${key.slice(0, 64)}: key and value exceed ${MAX_LABEL_BYTES} bytes`,
      { cure: 'Shorten the label' },
    );
  }
  return Object.fromEntries(entries);
}

/** The value of one label; unlike plain indexing it never finds what every object inherits. */
export function labelOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

/**
 * What `old` becomes by an update: `labels` instead of all, or with `fieldPaths` (`labels`, `labels.<key>`) only what they
 * name; an empty or missing value deletes. Throws `invalid_argument` for another path, naming `object`.
 */
export function updateLabels(
  old: Labels,
  labels: Labels,
  fieldPaths: readonly string[],
  object: string,
): Labels {
  let updated = fieldPaths.length === 0 ? labels : old;
  for (const path of fieldPaths) {
    if (path === 'labels') updated = labels;
    else if (path.startsWith('labels.')) {
      const key = path.slice('labels.'.length);
      updated = { ...updated, [key]: labelOf(labels, key) ?? '' };
    } else {
      throw new CodedError('invalid_argument', `Cannot update ${path} of ${object}: only labels may change`, {
        cure: 'Use the field paths labels and labels.<key>',
      });
    }
  }
  return storableLabels(updated);
}
