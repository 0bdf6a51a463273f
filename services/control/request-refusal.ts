import { CodedError, type ErrorCode } from '@lade/errors';

/** A request that fails as HTTP, before the platform sees it: the answer needs a status of its own. */
export class RequestRefusal extends CodedError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: ErrorCode,
    message: string,
    options: { readonly cure?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(code, message, options.cure === undefined ? {} : { cure: options.cure });
    this.status = status;
    this.headers = options.headers ?? {};
  }
}
