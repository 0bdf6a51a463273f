export { CodedError, isCodedError, type CodedErrorOptions, type ErrorCode } from './coded-error.ts';
export { codeFromErrno, codeOf, fromUnknown, wrapError } from './from-unknown.ts';
export { redactSecrets } from './redact-secrets.ts';
