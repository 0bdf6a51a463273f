import type { Status } from '@lade/control-protocol';
import type { parseConfig } from '@lade/daemon/config';
import type { Finding } from '@lade/daemon/doctor';
import type { Command, TextStream } from '../command.ts';
import { JSON_OPTION } from '../open-client.ts';
import { printable } from '../printable.ts';
import { SERVE_OPTIONS } from '../serve-options.ts';
import { writeJson } from '../write-json.ts';

const STATE_WIDTH = 9;
const CHECK_WIDTH = 19;

/** Takes the options of `lade serve`, so that it examines what the daemon would run with, or does: one that runs is asked. */
export const doctor: Command = {
  usage: 'doctor [OPTIONS]',
  summary: 'examine kernel, disk, containerd and bucket, and say what to do',
  details: 'Needs no daemon. Takes the options of lade serve, and examines what that would run with.\n',
  options: { json: JSON_OPTION, ...SERVE_OPTIONS },
  async prepare(argv) {
    const { defaultBucket, parseConfig } = await import('@lade/daemon/config');
    const isJson = argv.includes('--json');
    const settings = argv.filter((argument) => argument !== '--json');
    const given = parseConfig(settings, process.env);
    return async ({ stdout }) => {
      const { diagnose, findDaemon } = await import('@lade/daemon/doctor');
      const daemon = await findDaemon(given.address).catch(() => undefined);
      const config = daemon ? parseConfig(settings, process.env, settingsOf(daemon)) : given;
      const { root, environment, containerd, address, bucketUrl } = config;
      // What the daemon uses is its to tell; what is named is tried.
      const bucket = daemon && bucketUrl === defaultBucket(root) ? {} : { bucketUrl };
      const findings: Finding[] = [];
      for await (const finding of diagnose({ root, environment, containerd, address, daemon, ...bucket })) {
        findings.push(finding);
        if (!isJson) tell(finding, stdout);
      }
      if (isJson) writeJson(stdout, findings);
      return findings.some(({ state }) => state === 'failed') ? 1 : 0;
    };
  },
};

function settingsOf({ root, containerdAddress }: Status): Parameters<typeof parseConfig>[2] {
  return { root, containerd: containerdAddress };
}

function tell({ check, state, found, cure }: Finding, stdout: TextStream): void {
  stdout.write(`${state.padEnd(STATE_WIDTH)}${check.padEnd(CHECK_WIDTH)}${printable(found)}\n`);
  if (cure !== undefined) stdout.write(`${' '.repeat(STATE_WIDTH)}→ ${printable(cure)}\n`);
}
