import { kindOf } from './object-kind.ts';

/** The objects of one kind. */
export interface KindSize {
  readonly kind: string;
  readonly objects: number;
  readonly bytes: number;
}

export type KindSizes = Map<string, KindSize>;

export function addObject(kinds: KindSizes, key: string, sizeBytes: number): void {
  const kind = kindOf(key);
  const { objects, bytes } = kinds.get(kind) ?? { objects: 0, bytes: 0 };
  kinds.set(kind, { kind, objects: objects + 1, bytes: bytes + sizeBytes });
}

export function inOrderOfSize(kinds: KindSizes): readonly KindSize[] {
  return [...kinds.values()].sort((a, b) => b.bytes - a.bytes);
}
