import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { constants as os } from 'node:os';
import { CodedError } from '@lade/errors';
import { closeBacking, openBacking } from '@lade/linux';
import { isWholeNode, nodeKey, parseName, toNode } from './fuse-nodes.ts';
import * as fuse from './fuse-protocol.ts';
import { isErrno } from './is-errno.ts';
import type { Journal } from './journal.ts';
import type { Question, QuestionSource, ServedFile } from './question.ts';

const { OPCODE, REPLY_HEAD_BYTES } = fuse;

/** What is open of a file here. */
interface OpenFile {
  readonly fd: number;
  /** Passthrough id. */
  backing?: number | undefined;
}

/** /dev/fuse: requests about the files of one flat directory, each named by its number. Keeps nothing that a successor needs. */
export class FuseQuestions implements QuestionSource {
  readonly device: number;
  readonly maxQuestions = 1;
  readonly mayRead = true;
  readonly #journal: Journal;
  readonly #wanted: bigint;
  readonly #open = new Map<number, OpenFile>();
  readonly #reply = Buffer.alloc(REPLY_HEAD_BYTES + fuse.MAX_READ_BYTES);

  /** `passthrough`: let the kernel read whole files itself, where it can. */
  constructor(device: number, journal: Journal, options: { readonly passthrough: boolean }) {
    this.device = device;
    this.#journal = journal;
    const { asyncRead, maxPages, extended, passthrough } = fuse.INIT_FLAGS;
    this.#wanted = asyncRead | maxPages | extended | (options.passthrough ? passthrough : 0n);
  }

  read(inbox: Buffer): boolean {
    try {
      return readSync(this.device, inbox, 0, inbox.length, null) > 0;
    } catch (reason) {
      if (isErrno(reason, 'EAGAIN', 'EINTR', 'ENOENT')) return false; // whoever asked was killed meanwhile
      if (isErrno(reason, 'ENODEV'))
        throw new CodedError('unavailable', 'Cannot serve files over FUSE: the mount is gone', {
          cause: reason,
        });
      throw reason;
    }
  }

  /** Answers at once what is not about one file. */
  *takeAll(inbox: Buffer): Generator<Question> {
    const request = fuse.decodeRequest(inbox);
    if (request !== undefined) {
      const question = toQuestion(request);
      if (question === undefined) this.#answerOther(request);
      else yield question;
    }
    inbox.fill(0);
  }

  answer(question: Question, file: ServedFile): boolean {
    const node = question.file.inode;
    switch (question.operation) {
      case OPCODE.lookup:
        this.#succeed(question.id, fuse.encodeEntry(node, file.sizeBytes));
        return true;
      case OPCODE.getattr:
        this.#succeed(question.id, fuse.encodeAttributesReply(node, file.sizeBytes));
        return true;
      case OPCODE.open:
        this.#succeed(question.id, this.#openNode(node, file));
        return true;
      default:
        return this.#answerRead(question, file);
    }
  }

  refuse({ id, operation }: Question): void {
    this.#fail(id, operation === OPCODE.lookup ? os.errno.ENOENT : os.errno.EIO);
  }

  release(): void {
    // the kernel keeps nothing after the reply
  }

  forget({ number }: ServedFile): void {
    const open = this.#open.get(number);
    if (open === undefined) return;
    this.#open.delete(number);
    if (open.backing !== undefined) closeBacking(this.device, open.backing);
    closeSync(open.fd);
  }

  /** The blob's bytes; EIO where it was cut short behind our back. False when a block was dropped while they were read. */
  #answerRead(question: Question, file: ServedFile): boolean {
    const { id, offset } = question;
    const length = Math.max(0, Math.min(question.length, file.sizeBytes - offset));
    try {
      const { fd } = this.#openFile(file);
      const count = length === 0 ? 0 : readSync(fd, this.#reply, REPLY_HEAD_BYTES, length, offset);
      if (count < length) throw new RangeError('the file is shorter than it should be');
    } catch {
      this.#fail(id, os.errno.EIO); // a damaged disk is this reader's trouble, not everybody's
      return true;
    }
    if (!file.bits.resident.hasAll(offset, offset + question.length)) return false;
    this.#write(fuse.encodeReplyHead(this.#reply, id, length));
    return true;
  }

  #openNode(node: number, file: ServedFile): Buffer {
    if (!isWholeNode(node) || (this.#journal.agreed & fuse.INIT_FLAGS.passthrough) === 0n)
      return fuse.encodeOpen(fuse.OPEN_FLAGS.keepCache);
    const open = this.#openFile(file);
    open.backing ??= openBacking(this.device, open.fd);
    return fuse.encodeOpen(fuse.OPEN_FLAGS.passthrough, open.backing);
  }

  #openFile({ number, path }: ServedFile): OpenFile {
    const open = this.#open.get(number) ?? { fd: openSync(path, 'r') };
    this.#open.set(number, open);
    return open;
  }

  #answerOther({ opcode, id, body }: fuse.FuseRequest): void {
    switch (opcode) {
      case OPCODE.init:
        this.#journal.agreed = fuse.decodeInitFlags(body) & this.#wanted;
        return this.#succeed(id, fuse.encodeInit(this.#journal.agreed));
      case OPCODE.getattr:
        return this.#succeed(id, fuse.encodeAttributesReply(fuse.ROOT_NODE, 0));
      case OPCODE.statfs:
        return this.#succeed(id, fuse.encodeStatfs());
      case OPCODE.lookup:
        return this.#fail(id, os.errno.ENOENT);
      case OPCODE.access:
      case OPCODE.flush:
      case OPCODE.release:
      case OPCODE.destroy:
        return this.#succeed(id, Buffer.alloc(0));
      case OPCODE.forget:
      case OPCODE.batchForget:
        return; // these want no reply
      default:
        return this.#fail(id, os.errno.ENOSYS);
    }
  }

  #succeed(id: bigint, body: Buffer): void {
    body.copy(this.#reply, REPLY_HEAD_BYTES);
    this.#write(fuse.encodeReplyHead(this.#reply, id, body.length));
  }

  #fail(id: bigint, errno: number): void {
    this.#write(fuse.encodeReplyHead(this.#reply, id, 0, errno));
  }

  #write(reply: Buffer): void {
    try {
      writeSync(this.device, reply);
    } catch (reason) {
      if (!isErrno(reason, 'ENOENT')) throw reason; // answered before, by a process that died right afterwards
    }
  }
}

/** Undefined when it is not about one file. */
function toQuestion({ opcode, id, node, pid, body }: fuse.FuseRequest): Question | undefined {
  const question = { id, operation: opcode, pid, offset: 0, length: 0 };
  if (opcode === OPCODE.lookup) {
    const found = parseName(fuse.decodeName(body));
    return found && { ...question, file: nodeKey(toNode(found)) };
  }
  if (node === fuse.ROOT_NODE) return undefined;
  if (opcode === OPCODE.read) return { ...question, file: nodeKey(node), ...fuse.decodeRead(body) };
  return opcode === OPCODE.getattr || opcode === OPCODE.open
    ? { ...question, file: nodeKey(node) }
    : undefined;
}
