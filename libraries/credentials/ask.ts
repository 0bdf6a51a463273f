import { unusable } from './parse-credentials.ts';

export interface Question {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const MAX_MESSAGE = 200;

/** Asks a service; throws `unauthenticated` naming `place` when it cannot be reached, or does not answer with 2xx. */
export async function ask(question: Question, place: string): Promise<Answer> {
  const { url, signal, ...request } = question;
  let answer: Answer;
  try {
    const response = await fetch(url, { ...request, signal, redirect: 'error' });
    answer = { status: response.status, headers: response.headers, text: await response.text() };
  } catch (reason) {
    throw unusable(place, `${new URL(url).origin} gives no answer`, reason);
  }
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw unusable(place, `it answers ${answer.status}: ${answer.text.slice(0, MAX_MESSAGE)}`);
}
