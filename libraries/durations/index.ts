export { addDuration, createDurations, DURATION_BOUNDS, type Durations } from './durations.ts';
