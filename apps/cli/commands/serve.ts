import { isCodedError } from '@lade/errors';
import type { Command } from '../command.ts';
import { reportError } from '../report-error.ts';
import { SERVE_OPTIONS } from '../serve-options.ts';

export const serve: Command = {
  usage: 'serve --bucket URL [OPTIONS]',
  summary: 'run the daemon until it is told to stop',
  options: SERVE_OPTIONS,
  details: 'Every option is also a variable, LADE_BUCKET and so on, and a key of the configuration file.\n',
  /** The daemon reads its own arguments; what it finds invalid is wrong usage. */
  async prepare(argv) {
    return async ({ stderr }) => {
      const { serve: run } = await import('@lade/daemon/serve');
      try {
        await run(argv);
        return 0;
      } catch (reason) {
        if (!isCodedError(reason, 'invalid_argument')) throw reason;
        reportError(reason, stderr);
        return 2;
      }
    };
  },
};
