import type { FileKey } from './question.ts';

/*
 * Each file has two nodes, because one that is open for passing through must not be open otherwise: one whose reads come
 * here, and one that is opened only when the file is whole. Both are told from the number alone, so that they outlive us.
 */
const FIRST_NODE = 2;

/** A node of a file in the mounted directory. */
export interface FileNode {
  readonly number: number;
  readonly whole: boolean;
}

export function formatName({ number, whole }: FileNode): string {
  return whole ? `${number}.whole` : String(number);
}

export function parseName(name: string): FileNode | undefined {
  const match = /^(\d{1,15})(\.whole)?$/.exec(name);
  return match === null ? undefined : { number: Number(match[1]), whole: match[2] !== undefined };
}

export function toNode({ number, whole }: FileNode): number {
  return FIRST_NODE + number * 2 + (whole ? 1 : 0);
}

export function isWholeNode(node: number): boolean {
  return (node - FIRST_NODE) % 2 === 1;
}

export function nodeKey(node: number): FileKey {
  return { device: 0, inode: node };
}
