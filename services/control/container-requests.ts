import type { ExecRequest, RunRequest } from '@lade/control-protocol';
import { CodedError } from '@lade/errors';
import { optionalFlag, optionalInteger, optionalTextField, optionalTexts, textField } from './fields.ts';
import { readHostname, readMounts } from './read-mounts.ts';

type Body = Readonly<Record<string, unknown>>;

/** Of a terminal: what the kernel can keep. */
const SIZE = { min: 1, max: 0xff_ff } as const;

/** But for its namespace. */
export function readRun(body: Body): RunRequest {
  return withoutMissing<RunRequest>({
    image: textField(body, 'image'),
    id: optionalTextField(body, 'id'),
    args: optionalTexts(body, 'args'),
    entrypoint: optionalTexts(body, 'entrypoint'),
    hostNetwork: optionalFlag(body, 'hostNetwork'),
    readOnly: optionalFlag(body, 'readOnly'),
    mounts: readMounts(body),
    hostname: readHostname(body),
    input: optionalFlag(body, 'input'),
    remove: optionalFlag(body, 'remove'),
    detach: optionalFlag(body, 'detach'),
    ...readProcess(body),
  });
}

/** But for its namespace. */
export function readExec(body: Body): ExecRequest {
  const args = optionalTexts(body, 'args') ?? [];
  if (args.length > 0) return withoutMissing<ExecRequest>({ args, ...readProcess(body) });
  throw new CodedError('invalid_argument', 'Cannot read the request: args has to name a program');
}

function readProcess(body: Body): { readonly [name in keyof ExecRequest]?: unknown } {
  const env = optionalTexts(body, 'env');
  const nameless = env?.find((entry) => !/^[^=]+=/.test(entry));
  if (nameless !== undefined)
    throw new CodedError('invalid_argument', `Cannot read the request: ${nameless} in env is not NAME=VALUE`);
  return {
    terminal: optionalFlag(body, 'terminal'),
    columns: optionalInteger(body, 'columns', SIZE),
    rows: optionalInteger(body, 'rows', SIZE),
    env,
    workdir: optionalTextField(body, 'workdir'),
    user: optionalTextField(body, 'user'),
  };
}

function withoutMissing<T extends object>(fields: { readonly [name in keyof T]?: unknown }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
