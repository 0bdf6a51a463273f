import type { PullRequest } from '@lade/control-protocol';
import { CodedError } from '@lade/errors';
import { optionalFlag, textField } from './fields.ts';
import { namespaceIn } from './namespace-in.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Throws `invalid_argument`, naming the field. */
export function readPullRequest(body: Fields): PullRequest {
  const { from } = body;
  if (from !== undefined && from !== 'any' && from !== 'bucket' && from !== 'registry')
    throw new CodedError(
      'invalid_argument',
      'Cannot read the request: from is none of any, bucket, registry',
    );
  const plainHttp = optionalFlag(body, 'plainHttp');
  return {
    image: textField(body, 'image'),
    ...scopeIn(body),
    ...(from === undefined ? {} : { from }),
    ...(plainHttp === undefined ? {} : { plainHttp }),
  };
}

/** Throws `invalid_argument` for what can be no namespace. */
export function scopeIn(fields: Fields): { readonly namespace?: string } {
  const namespace = namespaceIn(fields);
  return namespace === undefined ? {} : { namespace };
}
