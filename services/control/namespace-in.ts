import { CodedError } from '@lade/errors';
import { optionalTextField } from './fields.ts';

/** As containerd wants its identifiers, so that they are names of folders, too. */
const NAME = /^[A-Za-z0-9][\w.-]*$/;
const MAX_LETTERS = 76;

/** containerd's namespace, where a request names one. Throws `invalid_argument` for what can be none. */
export function namespaceIn(fields: Readonly<Record<string, unknown>>): string | undefined {
  const namespace = optionalTextField(fields, 'namespace');
  return namespace === undefined ? undefined : checkName(namespace, 'namespace');
}

/** Throws `invalid_argument` for what containerd has no names like. */
export function checkName(name: string, what: string): string {
  if (NAME.test(name) && name.length <= MAX_LETTERS) return name;
  throw new CodedError(
    'invalid_argument',
    `Cannot find ${what} ${JSON.stringify(name)}: containerd has no such names`,
  );
}
