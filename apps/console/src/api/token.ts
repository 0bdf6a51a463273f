import { ref, shallowRef, type ShallowRef } from 'vue';

/*
 * What changes or runs something needs the daemon's token. It comes in the fragment of the address, which no server and no log
 * sees, or from the person; it stays in this tab.
 */
const KEY = 'lade.token';

interface TokenQuestion {
  /** Whether there was one, and the daemon has another. */
  readonly refused: boolean;
  readonly answer: (token: string | undefined) => void;
}

/** The question that waits for the person; asked once, however many calls wait. */
export const tokenQuestion: ShallowRef<TokenQuestion | undefined> = shallowRef();
const hasToken = ref(readToken() !== undefined);

let asked: Promise<string | undefined> | undefined;

export function readToken(): string | undefined {
  return sessionStorage.getItem(KEY) ?? undefined;
}

/** Takes `#token=…` out of the address, before anything else looks at that. */
export function takeTokenFromAddress(): void {
  const [, token] = /^#token=([^&]+)/.exec(location.hash) ?? [];
  if (token === undefined) return;
  keepToken(decodeURIComponent(token));
  history.replaceState(null, '', `${location.pathname}${location.search}#/`);
}

function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
  hasToken.value = true;
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
  hasToken.value = false;
}

/** Resolves with what the person enters, undefined when they would rather not. */
export async function askForToken(): Promise<string | undefined> {
  asked ??= new Promise<string | undefined>((resolve) => {
    tokenQuestion.value = { refused: hasToken.value, answer: resolve };
  }).finally(() => {
    asked = undefined;
    tokenQuestion.value = undefined;
  });
  const token = await asked;
  if (token !== undefined) keepToken(token);
  return token;
}
