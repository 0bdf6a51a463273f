import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ContainerdConfiguration } from '@lade/containerd-config';
import { CodedError } from '@lade/errors';
import { defineCommand, wrongUsage } from '../command.ts';
import { ADDRESS } from '../open-client.ts';

const DEFAULT_ADDRESS = '/run/lade/lade.sock';
const DEFAULT_ROOT = '/var/lib/lade';

export const install = defineCommand({
  usage: 'install --print [OPTIONS]',
  summary: 'print the configuration that makes containerd use Lade',
  options: {
    print: { type: 'boolean', description: 'to standard output; nothing is installed' },
    cri: { type: 'boolean', description: 'also for Kubernetes' },
    content: { type: 'boolean', description: 'also with the content store' },
    'containerd-version': {
      type: 'string',
      argument: 'VERSION',
      description: 'such as 2.1; default: the one that is installed',
    },
    root: {
      type: 'string',
      argument: 'DIR',
      description: `where the daemon keeps everything; default: LADE_ROOT, else ${DEFAULT_ROOT}`,
    },
    address: ADDRESS,
  },
  check({ print }) {
    if (!print) throw wrongUsage('install only prints in this release', 'Use lade install --print');
  },
  async run({ values, terminal }) {
    const { configureContainerd } = await import('@lade/containerd-config');
    const address = values.address ?? process.env['LADE_ADDRESS'] ?? DEFAULT_ADDRESS;
    const exportsRoot = values.root ?? process.env['LADE_ROOT'] ?? DEFAULT_ROOT;
    const version = values['containerd-version'] ?? (await installedVersion());
    const configuration: ContainerdConfiguration = {
      version,
      snapshotter: { name: 'lade', address, exportsRoot, capabilities: ['remap-ids', 'rebase'] },
      cri: values.cri ?? false,
      content: values.content ?? false,
    };
    terminal.stdout.write(configureContainerd(configuration));
    return 0;
  },
});

/** From a line such as "containerd github.com/containerd/containerd 1.7.24 …". */
async function installedVersion(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('containerd', ['--version']);
    const version = /\sv?(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
    if (version !== undefined) return version;
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== 'ENOENT') throw reason;
  }
  throw new CodedError('not_found', 'Cannot tell the version of containerd: it is not installed here', {
    cure: 'Name it with --containerd-version, such as 2.1',
  });
}
