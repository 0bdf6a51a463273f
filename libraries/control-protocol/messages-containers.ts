import type { Digest } from '@lade/oci';
import type { ContainerReads, Start } from './messages-starts.ts';

/** A folder or file of the node that a container sees. */
export interface BindMount {
  /** On the node; absolute. */
  readonly source: string;
  /** In the container; absolute. */
  readonly destination: string;
  readonly readOnly?: boolean;
}

/** POST /v1/containers. */
export interface RunRequest {
  readonly image: string;
  readonly namespace?: string;
  /** Letters, digits, dots, dashes, underscores; a random one when missing. */
  readonly id?: string;
  /** Instead of the image's command; its entrypoint stays. */
  readonly args?: readonly string[];
  readonly entrypoint?: readonly string[];
  /** NAME=VALUE. */
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  /** This node's network; else only a loopback of its own. */
  readonly hostNetwork?: boolean;
  readonly readOnly?: boolean;
  readonly mounts?: readonly BindMount[];
  /** The node's when missing. */
  readonly hostname?: string;
  readonly terminal?: boolean;
  /** Of the terminal, in characters. */
  readonly columns?: number;
  readonly rows?: number;
  /** Somebody sends it input; with a terminal always. */
  readonly input?: boolean;
  /** Remove it when it has ended. */
  readonly remove?: boolean;
  /** End the stream when it runs, instead of following its output. */
  readonly detach?: boolean;
}

/** POST /v1/containers/{id}/exec. */
export interface ExecRequest {
  readonly namespace?: string;
  readonly args: readonly string[];
  readonly terminal?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
}

/** POST /v1/sessions/{session}/size. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** What a process does; `exited` is the last. */
export type OutputEvent =
  /** Before any output, of an exec, or of a run with a terminal or input: where the input goes. */
  | { readonly kind: 'session'; readonly session: string }
  /** `data` is Base64. */
  | { readonly kind: 'output'; readonly stream: 'stdout' | 'stderr'; readonly data: string }
  | { readonly kind: 'exited'; readonly exitStatus: number };

/** What POST /v1/containers tells. */
export type RunEvent =
  | { readonly kind: 'created'; readonly id: string }
  /** `ms` from the request to the start of its process. */
  | { readonly kind: 'started'; readonly id: string; readonly pid: number; readonly ms: number }
  | OutputEvent;

/** `none`: the container has no task. */
export type ContainerState = 'created' | 'running' | 'stopped' | 'paused' | 'pausing' | 'unknown' | 'none';

/** A container of this node's containerd, with its task. */
export interface ContainerSummary {
  readonly id: string;
  readonly namespace: string;
  readonly image: string;
  readonly snapshotter: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly state: ContainerState;
  readonly pid?: number;
  readonly startedAt?: string;
  /** How long its start took, where Lade started it. */
  readonly startMs?: number;
  readonly exitStatus?: number;
  readonly exitedAt?: string;
  readonly hasLogs?: boolean;
  /** Of ours, bottom first. */
  readonly layers?: readonly Digest[];
  /** Where its layers are ours. */
  readonly reads?: ContainerReads;
  /** The last one that the daemon has seen. */
  readonly start?: Start;
}
