import { closeSync, constants, fstatSync, lstatSync, openSync, type BigIntStats } from 'node:fs';
import { readdir } from 'node:fs/promises';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOATIME } = constants;

/** A descriptor that is closed on disposal. */
export class OpenFile implements Disposable {
  readonly fd: number;
  /** Leads to what is open, whatever has become of its name. */
  readonly place: Buffer;

  /** Opens what has the name now, and no link in its stead. */
  constructor(path: Buffer, flags = 0) {
    this.fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | flags);
    this.place = Buffer.from(`/proc/self/fd/${this.fd}`);
  }

  stat(): BigIntStats {
    return fstatSync(this.fd, { bigint: true });
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/**
 * A directory that was opened once: what lies below is reached through its descriptor, so that nobody who moves directories meanwhile,
 * or puts links in their place, leads the reader elsewhere. Paths may be longer than the kernel takes.
 */
export class OpenDirectory extends OpenFile {
  constructor(path: Buffer) {
    super(path, O_DIRECTORY);
  }

  /** Names in the order of their bytes. */
  async names(): Promise<Buffer[]> {
    const names = await readdir(this.place, { encoding: 'buffer' });
    return names.sort((a, b) => Buffer.compare(a, b));
  }

  /** Path of an entry, for calls that do not follow links. */
  at(name: Buffer): Buffer {
    return Buffer.concat([this.place, SLASH, name]);
  }

  look(name: Buffer): BigIntStats {
    return lstatSync(this.at(name), { bigint: true });
  }
}

const SLASH = Buffer.from('/');
