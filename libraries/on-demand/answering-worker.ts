import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { AnswerLoop } from './answer-loop.ts';
import { FanotifyQuestions } from './fanotify-questions.ts';
import { FuseQuestions } from './fuse-questions.ts';
import { Journal } from './journal.ts';
import type { AnsweringOptions, ToAnsweringThread } from './messages.ts';
import type { OnStep } from './step.ts';

/** The answering thread. It never returns to its event loop before the end, so messages are fetched by hand. */
const {
  kind,
  device,
  journal: journalDescriptor,
  wake,
  contested = [],
  passthrough = false,
  onStep,
} = workerData as AnsweringOptions;
const port = parentPort;
if (port === null) throw new TypeError('To be started as a worker');

const journal = new Journal(journalDescriptor);
new AnswerLoop({
  source:
    kind === 'fanotify'
      ? new FanotifyQuestions(device, contested)
      : new FuseQuestions(device, journal, { passthrough }),
  journal,
  wake,
  receive: () => receiveMessageOnPort(port)?.message as ToAnsweringThread | undefined,
  send: (message) => port.postMessage(message, []),
  onStep: onStep === undefined ? () => undefined : ((await import(onStep)) as { onStep: OnStep }).onStep,
}).run();
port.close();
