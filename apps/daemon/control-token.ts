import { randomBytes } from 'node:crypto';
import { open, readFile, rename, stat } from 'node:fs/promises';
import type { Token } from '@lade/control-service';
import { CodedError, isCodedError, wrapError } from '@lade/errors';

const TOKEN_BYTES = 32;
/** As RFC 6750 allows, and not so short that it can be guessed. */
const USABLE = /^[\w.~+/-]{32,}=*$/;
const FOR_OTHERS = 0o077;

/** The token in `file`, made there when there is none. Throws `failed_precondition` for one that others may read, or that is none. */
export async function openToken(file: string): Promise<Token> {
  try {
    return await readToken(file);
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== 'ENOENT') throw wrapToken(reason, file);
  }
  try {
    await makeToken(file);
    return await readToken(file);
  } catch (reason) {
    throw wrapToken(reason, file);
  }
}

async function readToken(file: string): Promise<Token> {
  if (((await stat(file)).mode & FOR_OTHERS) !== 0) {
    throw new CodedError('failed_precondition', 'others may read it', { cure: `chmod 600 ${file}` });
  }
  const value = (await readFile(file, 'utf8')).trim();
  if (USABLE.test(value)) return { value, file };
  throw new CodedError('failed_precondition', 'it holds no token of at least 32 letters, digits and -._~+/', {
    cure: 'Remove it, and the next start makes a new one',
  });
}

/** Whole or not at all. */
async function makeToken(file: string): Promise<void> {
  const temporary = `${file}.new`;
  await using handle = await open(temporary, 'w', 0o600);
  await handle.chmod(0o600);
  await handle.writeFile(`${randomBytes(TOKEN_BYTES).toString('base64url')}\n`);
  await handle.sync();
  await rename(temporary, file);
}

function wrapToken(reason: unknown, file: string): CodedError {
  const cure = isCodedError(reason) ? {} : { cure: 'Name another file with --token-file' };
  return wrapError(reason, `Cannot use the control API’s token in ${file}`, cure);
}
