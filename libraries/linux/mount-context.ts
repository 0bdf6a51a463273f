import { closeSync, readSync } from 'node:fs';
import { CodedError, isCodedError } from '@lade/errors';
import { callLater, callNow, cString, declare } from './libc.ts';
import { mountAttributes, superblockWords } from './mount-options.ts';

/** fsopen(2) and its family by number, the same on every architecture, for C libraries that do not wrap them yet. */
const SYS = { moveMount: 429, fsopen: 430, fsconfig: 431, fsmount: 432 } as const;
const fsopen = declare('long syscall(long, const uint8_t *, long)');
const fsconfig = declare('long syscall(long, long, long, const uint8_t *, const uint8_t *, long)');
const fsmount = declare('long syscall(long, long, long, long)');
const moveMountCall = declare('long syscall(long, long, const uint8_t *, long, const uint8_t *, long)');

const CLOEXEC = 1;
const AT_FDCWD = -100;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const FSCONFIG = { setFlag: 0, setString: 1, create: 6 } as const;

interface FileSystem {
  readonly type: string;
  readonly source: string;
}

/**
 * Opens a file system and mounts it nowhere yet: a descriptor for `moveMount`, to be closed by the caller. `flags` are
 * MS_* bits, `data` the file system's own options.
 */
export async function createDetachedMount(
  { type, source }: FileSystem,
  flags: number,
  data: readonly string[],
): Promise<number> {
  const attempted = `Cannot mount ${type} ${source}`;
  const context = callNow(fsopen, attempted, SYS.fsopen, cString(type), CLOEXEC);
  try {
    const set = (key: string, value?: string): void => {
      const command = value === undefined ? FSCONFIG.setFlag : FSCONFIG.setString;
      const bytes = value === undefined ? null : cString(value);
      const setting = value === undefined ? key : `${key}=${value}`;
      callNow(
        fsconfig,
        `${attempted} with ${setting}`,
        SYS.fsconfig,
        context,
        command,
        cString(key),
        bytes,
        0,
      );
    };
    set('source', source);
    for (const word of superblockWords(flags)) set(word);
    for (const [key, value] of data.flatMap(toParameters)) set(key, value);
    await callLater(fsconfig, attempted, SYS.fsconfig, context, FSCONFIG.create, null, null, 0);
    return callNow(fsmount, attempted, SYS.fsmount, context, CLOEXEC, mountAttributes(flags));
  } catch (reason) {
    throw explain(reason, readLog(context));
  } finally {
    closeSync(context);
  }
}

/** move_mount(2): puts what `createDetachedMount` gave on `target`. */
export function moveMount(descriptor: number, request: FileSystem & { readonly target: string }): void {
  const attempted = `Cannot mount ${request.type} ${request.source} on ${request.target}`;
  const from = [SYS.moveMount, descriptor, cString('')] as const;
  callNow(moveMountCall, attempted, ...from, AT_FDCWD, cString(request.target), MOVE_MOUNT_F_EMPTY_PATH);
}

type Parameter = readonly [key: string, value?: string];

/** fsconfig(2) takes 255 bytes a value, so that a list of lower layers goes one by one, then without escapes. */
function toParameters(option: string): readonly Parameter[] {
  const equals = option.indexOf('=');
  if (equals < 0) return [[option]];
  const [key, value] = [option.slice(0, equals), option.slice(equals + 1)];
  if (key !== 'lowerdir') return [[key, value]];
  const [layers = '', ...dataLayers] = value.split('::');
  return [
    ...splitLayers(layers).map((layer): Parameter => ['lowerdir+', layer]),
    ...dataLayers.map((layer): Parameter => ['datadir+', unescape(layer)]),
  ];
}

function splitLayers(layers: string): string[] {
  return (layers.match(/(?:\\.|[^:\\])+/gs) ?? []).map(unescape);
}

function unescape(layer: string): string {
  return layer.replaceAll(/\\(.)/gs, '$1');
}

/** What the kernel had to say: one message a read, each with its level, "e overlay: …". */
function readLog(context: number): string {
  const lines: string[] = [];
  const line = Buffer.alloc(4096);
  try {
    for (;;) lines.push(line.toString('utf8', 2, readSync(context, line)).trim());
  } catch {
    return lines.join('; '); // ENODATA: no more messages
  }
}

function explain(reason: unknown, log: string): unknown {
  if (log === '' || !isCodedError(reason)) return reason;
  return new CodedError(reason.code, `${reason.message}: ${log}`, { details: reason.details, cause: reason });
}
