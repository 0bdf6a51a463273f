import assert from 'node:assert/strict';
import { closeSync } from 'node:fs';
import { test } from 'node:test';
import { clearEvent, createEvent, openFuseDevice, signalEvent, waitReadable } from './index.ts';

test('waitReadable() tells which descriptors can be read', (t) => {
  const [first, second] = [createEvent(), createEvent()];
  t.after(() => [first, second].forEach((descriptor) => closeSync(descriptor)));
  assert.deepEqual(waitReadable([first, second], 0), ['idle', 'idle']);
  signalEvent(second);
  signalEvent(second);
  assert.deepEqual(waitReadable([first, second]), ['idle', 'readable']);
  clearEvent(second);
  assert.deepEqual(waitReadable([first, second], 0), ['idle', 'idle']);
});

test('waitReadable() tells a device that is not connected', (t) => {
  const device = openFuseDevice();
  t.after(() => closeSync(device));
  assert.deepEqual(waitReadable([device], 0), ['failed']);
});
