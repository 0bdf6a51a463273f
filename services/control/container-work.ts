import type {
  ContainerSummary,
  ExecRequest,
  OutputEvent,
  RunEvent,
  RunRequest,
  TerminalSize,
} from '@lade/control-protocol';

interface Scope {
  readonly namespace: string;
  readonly signal: AbortSignal;
}

interface LogOptions extends Scope {
  /** Only the last so many lines. */
  readonly tail?: number | undefined;
  /** Until the container has ended. */
  readonly follow: boolean;
}

/** Where the input of processes goes. */
interface SessionInput {
  /** No bytes end the input. */
  write(session: string, bytes: Uint8Array): Promise<void>;
  resize(session: string, size: TerminalSize): Promise<void>;
}

/** The containers of this node's containerd. A client that leaves ends an exec, but no container. */
export interface ContainerWork {
  list(options: Scope): Promise<readonly ContainerSummary[]>;
  /** With the files that it has read. */
  get(id: string, options: Scope): Promise<ContainerSummary>;
  run(request: RunRequest, options: Scope): AsyncIterable<RunEvent>;
  exec(id: string, request: ExecRequest, options: Scope): AsyncIterable<OutputEvent>;
  logs(id: string, options: LogOptions): AsyncIterable<OutputEvent>;
  stop(id: string, options: Scope & { readonly seconds: number }): Promise<void>;
  remove(id: string, options: Scope & { readonly force: boolean }): Promise<void>;
  readonly sessions: SessionInput;
}
