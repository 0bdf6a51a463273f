import type { PullRequest } from '@lade/control-protocol';
import { CodedError } from '@lade/errors';
import { optionalTextField, textField } from './read-body.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Throws `invalid_argument`, naming the field. */
export function readPullRequest(body: Fields): PullRequest {
  const { from, plainHttp } = body;
  if (from !== undefined && from !== 'any' && from !== 'bucket' && from !== 'registry')
    throw unreadable('from is none of any, bucket, registry');
  if (plainHttp !== undefined && typeof plainHttp !== 'boolean') throw unreadable('plainHttp is no boolean');
  return {
    image: textField(body, 'image'),
    ...namespaceIn(body),
    ...(from === undefined ? {} : { from }),
    ...(plainHttp === undefined ? {} : { plainHttp }),
  };
}

export function namespaceIn(fields: Fields): { readonly namespace?: string } {
  const namespace = optionalTextField(fields, 'namespace');
  return namespace === undefined ? {} : { namespace };
}

function unreadable(state: string): CodedError {
  return new CodedError('invalid_argument', `Cannot read the request: field ${state}`);
}
