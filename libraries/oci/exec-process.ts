import type { User } from './resolve-user.ts';
import { environment, type ProcessSpec } from './runtime-spec.ts';

export interface ExecSettings {
  readonly args: readonly string[];
  /** Another one than the container's. */
  readonly user?: User | undefined;
  readonly env?: readonly string[] | undefined;
  readonly workdir?: string | undefined;
  readonly terminal?: boolean | undefined;
  readonly consoleSize?: ProcessSpec['consoleSize'] | undefined;
}

/** A further process of a container, with the limits, the rights and the environment of its first one. */
export function execProcess(first: ProcessSpec, settings: ExecSettings): ProcessSpec {
  const { terminal: _terminal, consoleSize: _size, ...inherited } = first;
  const { args, user = first.user, workdir, terminal, consoleSize } = settings;
  return {
    ...inherited,
    ...(terminal ? { terminal } : {}),
    ...(terminal && consoleSize ? { consoleSize } : {}),
    user,
    args,
    env: environment(first.env, settings),
    cwd: workdir || first.cwd,
  };
}
