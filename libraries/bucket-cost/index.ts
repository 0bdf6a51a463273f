export { costReport, type CostReport } from './cost-report.ts';
export { parsePrices, type Prices } from './prices.ts';
