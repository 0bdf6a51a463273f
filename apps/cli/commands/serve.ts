import type { Command } from '../command.ts';

export const serve: Command = {
  usage:
    'serve --bucket URL [--root DIR] [--address SOCKET] [--containerd SOCKET] [--http HOST:PORT] [--config FILE]',
  summary: 'run the daemon until it is told to stop',
  async prepare(argv) {
    const { serve: run } = await import('@lade/daemon/serve');
    return async () => {
      await run(argv);
      return 0;
    };
  },
};
