/*
 * The memory of a journal. A keeper of another release reads it too (refuse-openings.ts): what changes here needs another
 * name for the descriptor.
 *
 * | offset | size | meaning                                                                     |
 * | ------ | ---- | --------------------------------------------------------------------------- |
 * | 0      | 8    | what was agreed with the kernel                                             |
 * | 4096   | 8192 | inbox                                                                       |
 * | 12288  | 64 … | slots: state (4), operation (4), id, device, inode, offset, length (8 each) |
 */
export const JOURNAL_BYTES = 64 << 10;
export const INBOX_AT = 4096;
export const SLOTS_AT = INBOX_AT + 8192;
export const SLOT_BYTES = 64;
/** The state of a slot in use; 0 of another. */
export const ASKED = 1;
