/** One line without control characters, so that no name from a bucket can steer the terminal. */
export function printable(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/\p{Cc}/gu, '\uFFFD');
}
