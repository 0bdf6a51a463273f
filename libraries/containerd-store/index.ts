/** Clients of containerd compare these times with clocks of their own. */
export { wallClockNs as nowNs } from '@lade/linux';
export { matchesFilters, parseFilters, type FieldOf, type Filter } from './filter.ts';
export { labelOf, storableLabels, updateLabels, type Labels } from './labels.ts';
