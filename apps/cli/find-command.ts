import { wrongUsage, type Command, type ExitCode, type Terminal } from './command.ts';
import { completion } from './commands/completion.ts';
import { consoleLink } from './commands/console.ts';
import { doctor } from './commands/doctor.ts';
import { events } from './commands/events.ts';
import { exec } from './commands/exec.ts';
import { gc } from './commands/gc.ts';
import { explain } from './commands/help.ts';
import { images } from './commands/images.ts';
import { install } from './commands/install.ts';
import { layers } from './commands/layers.ts';
import { logs } from './commands/logs.ts';
import { nodes } from './commands/nodes.ts';
import { ps } from './commands/ps.ts';
import { pull } from './commands/pull.ts';
import { rm } from './commands/rm.ts';
import { rmi } from './commands/rmi.ts';
import { run } from './commands/run.ts';
import { serve } from './commands/serve.ts';
import { snapshots } from './commands/snapshots.ts';
import { status } from './commands/status.ts';
import { stop } from './commands/stop.ts';
import { top } from './commands/top.ts';
import { trace } from './commands/trace.ts';
import { verify } from './commands/verify.ts';
import { version } from './commands/version.ts';

const COMMANDS: Readonly<Record<string, Command>> = {
  serve,
  doctor,
  status,
  images,
  layers,
  nodes,
  events,
  top,
  console: consoleLink,
  snapshots,
  trace,
  verify,
  pull,
  rmi,
  run,
  ps,
  logs,
  exec,
  stop,
  rm,
  gc,
  install,
  completion: completion(() => COMMANDS),
  version,
};
const ALIASES: Readonly<Record<string, string>> = {
  '--help': 'help',
  '-h': 'help',
  '--version': 'version',
  '-V': 'version',
};

/** What a command line asks for. Throws `invalid_argument` for wrong usage. */
export async function findCommand(
  argv: readonly string[],
): Promise<(terminal: Terminal) => Promise<ExitCode>> {
  const [first = '', ...rest] = argv;
  const verb = ALIASES[first] ?? first;
  if (verb === 'help') {
    const [topic] = rest;
    return explain(topic === undefined ? Object.values(COMMANDS) : [commandOf(topic)]);
  }
  const command = commandOf(verb);
  const own = command.ownArguments?.(rest) ?? rest;
  if (own.includes('--help') || own.includes('-h')) return explain([command]);
  return command.prepare(rest);
}

function commandOf(verb: string): Command {
  const command = Object.hasOwn(COMMANDS, verb) ? COMMANDS[verb] : undefined;
  if (command) return command;
  const state = verb === '' ? 'a command is missing' : `there is no command ${JSON.stringify(verb)}`;
  throw wrongUsage(state, `Use one of: ${Object.keys(COMMANDS).join(' ')} help`);
}
