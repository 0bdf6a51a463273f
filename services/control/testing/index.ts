export { OPERATIONS, assertAnswers } from './contract.ts';
