export { nowNs } from './clock.ts';
export { matchesFilters, parseFilters, type FieldOf, type Filter } from './filter.ts';
export { labelOf, storableLabels, updateLabels, type Labels } from './labels.ts';
