import { CodedError } from '@lade/errors';

const MAX_KEY_BYTES = 1024;
// oxlint-disable-next-line no-control-regex -- these are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/;

/** Throws `invalid_argument` unless `key` is one that every driver can hold (see Bucket). */
export function checkKey(key: string): void {
  const why = faultOf(key);
  if (why !== undefined)
    throw new CodedError('invalid_argument', `Cannot use ${JSON.stringify(key)} as an object key: ${why}`, {
      cure: 'Join segments by single slashes',
    });
}

function faultOf(key: string): string | undefined {
  if (key === '') return 'it is empty';
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `it is longer than ${MAX_KEY_BYTES} bytes`;
  if (CONTROL.test(key)) return 'it holds a control character';
  if (!key.isWellFormed()) return 'it is not Unicode';
  const isOdd = (segment: string): boolean => segment === '' || segment === '.' || segment === '..';
  return key.split('/').some(isOdd) ? 'a segment of it is empty, "." or ".."' : undefined;
}

/** Orders keys as every driver lists them: by UTF-8 bytes. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
