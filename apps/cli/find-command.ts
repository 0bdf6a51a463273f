import { wrongUsage, type Command, type ExitCode, type Terminal } from './command.ts';
import { completion } from './commands/completion.ts';
import { consoleLink } from './commands/console.ts';
import { doctor } from './commands/doctor.ts';
import { events } from './commands/events.ts';
import { exec } from './commands/exec.ts';
import { gc } from './commands/gc.ts';
import { explain, explainAll, type CommandGroups } from './commands/help.ts';
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
import { nearest } from './nearest.ts';

const GROUPS: CommandGroups = {
  Containers: { run, exec, ps, logs, stop, rm },
  Images: { pull, images, trace, verify, rmi },
  'Node and bucket': { status, top, events, layers, snapshots, nodes, gc },
  Setup: {
    serve,
    doctor,
    install,
    console: consoleLink,
    completion: completion(() => COMMANDS),
    version,
  },
};
const COMMANDS: Readonly<Record<string, Command>> = Object.assign({}, ...Object.values(GROUPS));
const ALIASES: Readonly<Record<string, string>> = {
  '--help': 'help',
  '-h': 'help',
  '--version': 'version',
  '-V': 'version',
};
/** May stand before the verb, as with ctr and nerdctl. */
const GLOBAL: Readonly<Record<string, string>> = {
  '-n': '--namespace',
  '--namespace': '--namespace',
  '--address': '--address',
};

/** What a command line asks for. Throws `invalid_argument` for wrong usage. */
export async function findCommand(
  argv: readonly string[],
): Promise<(terminal: Terminal) => Promise<ExitCode>> {
  const [first = '', ...rest] = globalsBehindVerb(argv);
  const verb = ALIASES[first] ?? first;
  if (verb === 'help') {
    const [topic] = rest;
    return topic === undefined ? explainAll(GROUPS) : explain(commandOf(topic));
  }
  const command = commandOf(verb);
  const own = command.ownArguments?.(rest) ?? rest;
  const hasOwnH = Object.values(command.options).some(({ short }) => short === 'h');
  if (own.includes('--help') || (own.includes('-h') && !hasOwnH)) return explain(command);
  return command.prepare(rest);
}

function globalsBehindVerb(argv: readonly string[]): readonly string[] {
  const [name = '', value, ...rest] = argv;
  const option = GLOBAL[name];
  if (option === undefined || value === undefined) return argv;
  const [verb, ...others] = globalsBehindVerb(rest);
  return verb === undefined ? [] : [verb, `${option}=${value}`, ...others];
}

function commandOf(verb: string): Command {
  const command = Object.hasOwn(COMMANDS, verb) ? COMMANDS[verb] : undefined;
  if (command) return command;
  if (verb === '') throw wrongUsage('a command is missing', 'See: lade help');
  const similar = nearest(verb, [...Object.keys(COMMANDS), 'help']);
  throw wrongUsage(
    `there is no command ${JSON.stringify(verb)}`,
    similar === undefined ? 'See: lade help' : `Did you mean lade ${similar}? See: lade help`,
  );
}
