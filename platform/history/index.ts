export { History, type HistoryAnswer } from './history.ts';
export { HistoryTable, type HistoryStep, type KindSize } from './history-table.ts';
