import { defineCommand, wrongUsage, type Command } from '../command.ts';

type Commands = Readonly<Record<string, Command>>;

/** Each writes what its shell reads at its start. */
const SHELLS: Readonly<Record<string, (commands: Commands) => string>> = { bash, zsh, fish };

/** Made of the commands themselves: their options are what is offered. */
export function completion(commands: () => Commands): Command {
  return defineCommand({
    usage: 'completion bash|zsh|fish',
    summary: 'print what makes a shell complete these commands',
    details: 'For bash: source <(lade completion bash)\n',
    options: {},
    operands: ['bash|zsh|fish'],
    check(_, [shell = '']) {
      if (!Object.hasOwn(SHELLS, shell))
        throw wrongUsage(`there is no completion for ${shell}`, 'Use one of: bash zsh fish');
    },
    async run({ operands: [shell = ''], terminal }) {
      terminal.stdout.write(SHELLS[shell]?.(commands()) ?? '');
      return 0;
    },
  });
}

function optionsOf({ options }: Command): string[] {
  const names = Object.entries(options).flatMap(([name, { short }]) =>
    short === undefined ? [`--${name}`] : [`-${short}`, `--${name}`],
  );
  return [...names, '--help'];
}

/** Where names of containers go. */
function namesContainer({ usage }: Command): boolean {
  return usage.includes('CONTAINER');
}

const NAMES = '$(lade ps -aq 2>/dev/null)';

function bash(commands: Commands): string {
  const cases = Object.entries(commands).map(([verb, command]) => {
    const names = namesContainer(command) ? ` ${NAMES}` : '';
    return `    ${verb}) words="${optionsOf(command).join(' ')}${names}" ;;\n`;
  });
  return `_lade() {
  local words
  case $COMP_CWORD:\${COMP_WORDS[1]} in 1:*) words="${Object.keys(commands).join(' ')} help" ;; *) case \${COMP_WORDS[1]} in
${cases.join('')}  esac ;; esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _lade lade
`;
}

function zsh(commands: Commands): string {
  const verbs = Object.entries(commands).map(([verb, { summary }]) => `    ${quote(`${verb}:${summary}`)}\n`);
  const cases = Object.entries(commands).map(([verb, command]) => {
    const names = namesContainer(command) ? ` \${(f)"${NAMES}"}` : '';
    return `    ${verb}) compadd -- ${optionsOf(command).join(' ')}${names}; _files ;;\n`;
  });
  return `#compdef lade
_lade() {
  local -a verbs=(
${verbs.join('')}  )
  if (( CURRENT == 2 )); then _describe command verbs; return; fi
  case $words[2] in
${cases.join('')}  esac
}
compdef _lade lade
`;
}

function fish(commands: Commands): string {
  const lines = Object.entries(commands).flatMap(([verb, command]) => {
    const within = `complete -c lade -n '__fish_seen_subcommand_from ${verb}'`;
    const options = Object.entries(command.options).map(([name, { short, type, description }]) => {
      const flags = short === undefined ? `-l ${name}` : `-l ${name} -s ${short}`;
      return `${within} ${flags}${type === 'string' ? ' -r' : ''} -d ${quote(description)}`;
    });
    const names = namesContainer(command) ? [`${within} -f -a '(lade ps -aq 2>/dev/null)'`] : [];
    return [
      `complete -c lade -n __fish_use_subcommand -f -a ${verb} -d ${quote(command.summary)}`,
      ...options,
      ...names,
    ];
  });
  return `${lines.join('\n')}\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
