/** What happens to a question, in this order; a process may die between any two. */
export type Step = 'read' | 'journaled' | 'asked' | 'filled' | 'answered' | 'freed';

/** Called on the answering thread after each step. */
export type OnStep = (step: Step) => void;
