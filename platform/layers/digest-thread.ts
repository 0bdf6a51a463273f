import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/*
 * The thread of StreamDigester: takes bytes and answers each piece with its length, takes `null` and answers with the
 * sha256 in hex.
 */
const hash = createHash('sha256');
parentPort?.on('message', (bytes: Uint8Array<ArrayBuffer> | null) => {
  if (bytes === null) {
    parentPort?.postMessage(hash.digest('hex'));
    return;
  }
  hash.update(bytes);
  parentPort?.postMessage(bytes.byteLength);
  // Gives the memory back now: the collector does not see how much hangs on so small an object.
  bytes.buffer.transfer(0);
});
