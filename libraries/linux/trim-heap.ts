import { declare } from './libc.ts';

const mallocTrim = declare('int malloc_trim(size_t)');
const mallopt = declare('int mallopt(int, int)');
const M_ARENA_MAX = -8;

/** malloc_trim(3): gives the freed memory that the C library keeps back to the kernel. Takes some milliseconds. */
export function trimHeap(): void {
  mallocTrim(0);
}

/**
 * mallopt(3), M_ARENA_MAX: threads that start from now on share the heap of the first one. Each would have one of its own
 * otherwise, a megabyte of mostly free memory that outlives it.
 */
export function shareHeap(): void {
  mallopt(M_ARENA_MAX, 1);
}
