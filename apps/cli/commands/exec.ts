import { attach } from '../attach.ts';
import { defineCommand } from '../command.ts';
import { ADDRESS, NAMESPACE, namespaceIn, openClient } from '../open-client.ts';
import { PROCESS_OPTIONS, checkTerminal, processRequest } from '../process-options.ts';

export const exec = defineCommand({
  usage: 'exec [OPTIONS] CONTAINER PROGRAM [ARGS…]',
  summary: 'run one more program in a container that runs',
  details:
    'Ends with its exit status: 127 where there is no such program, 126 where it cannot be executed.\n',
  options: { ...PROCESS_OPTIONS, namespace: NAMESPACE, address: ADDRESS },
  lacking: {
    '-d': 'Have the shell do it: lade exec CONTAINER sh -c "PROGRAM &"',
    '--detach': 'Have the shell do it: lade exec CONTAINER sh -c "PROGRAM &"',
    '--privileged': 'A program has the rights that its container has, and no more',
  },
  operands: ['CONTAINER', 'PROGRAM'],
  more: 'passed on',
  check: checkTerminal,
  async run({ values, operands: [id = '', ...args] }) {
    using client = openClient(values);
    const { interactive = false, tty: terminal = false } = values;
    const request = { args, ...processRequest(values), ...namespaceIn(values) };
    return await attach(client.containers.exec(id, request), {
      containers: client.containers,
      interactive,
      terminal,
    });
  },
});
