/** The JSON objects of a newline-delimited stream, all that one piece of it completes at a time. */
export async function* decodeLines<T>(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<readonly T[]> {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      if (lines.length > 0) yield lines.filter((line) => line !== '').map((line) => JSON.parse(line) as T);
    }
  } finally {
    // Leaving early ends the daemon's work.
    await reader.cancel().catch(() => {});
  }
}
