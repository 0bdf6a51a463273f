import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GrpcClient } from '@lade/grpc';
import {
  ImageService,
  NamespaceMode,
  RuntimeService,
  type ContainerStats,
  type FilesystemUsage,
} from '@lade/protocol/runtime';

export interface Pod {
  readonly id: string;
  readonly config: ReturnType<typeof podConfig>;
}

/** Asks a containerd as a kubelet does, for pods on the machine's own network. */
export class Kubelet implements Disposable {
  readonly #grpc: GrpcClient;
  readonly #logs: string;

  /** `logs` is a folder of its own. */
  constructor(address: string, logs: string) {
    this.#grpc = new GrpcClient(address);
    this.#logs = logs;
  }

  async runPod(name: string): Promise<Pod> {
    const config = podConfig(name, join(this.#logs, name));
    const { podSandboxId } = await this.#grpc.call(RuntimeService.method.runPodSandbox, { config });
    return { id: podSandboxId, config };
  }

  async removePod({ id: podSandboxId }: Pod): Promise<void> {
    await this.#grpc.call(RuntimeService.method.stopPodSandbox, { podSandboxId });
    await this.#grpc.call(RuntimeService.method.removePodSandbox, { podSandboxId });
  }

  /** Creates a container and starts it. */
  async run(pod: Pod, name: string, image: string, command: readonly string[]): Promise<string> {
    const { containerId } = await this.#grpc.call(RuntimeService.method.createContainer, {
      podSandboxId: pod.id,
      sandboxConfig: pod.config,
      config: {
        metadata: { name },
        image: { image },
        command: [...command],
        logPath: `${name}.log`,
        linux: { securityContext: { namespaceOptions: HOST_NETWORK } },
      },
    });
    await this.#grpc.call(RuntimeService.method.startContainer, { containerId });
    return containerId;
  }

  /** What a container has said so far on its standard output. */
  async output(pod: Pod, name: string): Promise<string> {
    const log = await readFile(join(pod.config.logDirectory, `${name}.log`), 'utf8').catch(() => '');
    const lines = [...log.matchAll(/^\S+ stdout ([FP]) (.*)$/gm)];
    return lines.map(([, ending, text]) => `${text}${ending === 'F' ? '\n' : ''}`).join('');
  }

  async stats(containerId: string): Promise<ContainerStats | undefined> {
    return (await this.#grpc.call(RuntimeService.method.containerStats, { containerId })).stats;
  }

  /** Undefined for an image that is not here. */
  async imageId(image: string): Promise<string | undefined> {
    return (await this.#grpc.call(ImageService.method.imageStatus, { image: { image } })).image?.id;
  }

  async pull(image: string): Promise<string> {
    return (await this.#grpc.call(ImageService.method.pullImage, { image: { image } })).imageRef;
  }

  async removeImage(image: string): Promise<void> {
    await this.#grpc.call(ImageService.method.removeImage, { image: { image } });
  }

  /** The file system that counts for images. */
  async imageFileSystem(): Promise<FilesystemUsage | undefined> {
    return (await this.#grpc.call(ImageService.method.imageFsInfo, {})).imageFilesystems[0];
  }

  [Symbol.dispose](): void {
    this.#grpc[Symbol.dispose]();
  }
}

const HOST_NETWORK = { network: NamespaceMode.NODE };

function podConfig(name: string, logDirectory: string) {
  return {
    metadata: { name, uid: `uid-of-${name}`, namespace: 'default', attempt: 0 },
    logDirectory,
    linux: { securityContext: { namespaceOptions: HOST_NETWORK } },
  };
}
