import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { CodedError } from '@lade/errors';
import type { Containerd } from '@lade/sandbox';
import type { BenchContext } from './benchmark.ts';

/** Where and what to start. */
export interface ContainerRequest {
  readonly containerd: Containerd;
  readonly snapshotter: string;
  readonly reference: string;
  /** Prints a line "ready" when it is. */
  readonly command: readonly string[];
}

interface StartFigures {
  /** `ctr containers create`. */
  readonly createMs: number;
  /** From the start of `ctr tasks start` to the line. */
  readonly readyMs: number;
}

/** A container that has said "ready". Disposal waits until it ends by itself, and removes it. */
export interface StartedContainer extends StartFigures, AsyncDisposable {}

let started = 0;

/** Throws `unavailable`, with what the container said, when it ends without being ready. */
export async function startContainer(
  { packages }: BenchContext,
  { containerd, snapshotter, reference, command }: ContainerRequest,
): Promise<StartedContainer> {
  const id = `bench-${process.pid}-${++started}`;
  const program = join(packages[0] ?? '', 'usr/bin/ctr');
  const ctr = (...args: readonly string[]): string[] => ['--address', containerd.address, ...args];
  const began = performance.now();
  const create = ctr('containers', 'create', '--snapshotter', snapshotter, reference, id, ...command);
  await promisify(execFile)(program, create);
  const created = performance.now();
  const task = spawn(program, ctr('tasks', 'start', id), { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(task, 'close');
  const complaints = text(task.stderr);
  if (!(await saysReady(task.stdout)))
    throw new CodedError('unavailable', `Cannot start ${reference}: ${(await complaints).trim()}`);
  const ready = performance.now();
  return {
    createMs: created - began,
    readyMs: ready - created,
    async [Symbol.asyncDispose]() {
      task.stdout.resume();
      await ended;
      await promisify(execFile)(program, ctr('containers', 'delete', id));
    },
  };
}

async function saysReady(output: NodeJS.ReadableStream): Promise<boolean> {
  const lines = createInterface({ input: output });
  return new Promise((resolve) => {
    lines.on('line', (line) => {
      if (line === 'ready') resolve(true);
    });
    lines.once('close', () => resolve(false));
  });
}
