import { declare } from './libc.ts';

const mallocTrim = declare('int malloc_trim(size_t)');

/** malloc_trim(3): gives the freed memory that the C library keeps back to the kernel. Takes some milliseconds. */
export function trimHeap(): void {
  mallocTrim(0);
}
