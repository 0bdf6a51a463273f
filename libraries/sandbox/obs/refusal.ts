/** An answer that is an error, as the API reference of OBS lists them. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export const REFUSALS = {
  accessDenied: { status: 403, code: 'AccessDenied', message: 'Access Denied' },
  expired: { status: 403, code: 'AccessDenied', message: 'Request has expired' },
  unknownKey: {
    status: 403,
    code: 'InvalidAccessKeyId',
    message: 'The OBS Access Key Id you provided does not exist in our records.',
  },
  invalidToken: { status: 403, code: 'InvalidAccessKeyId', message: 'The security token is invalid.' },
  expiredToken: { status: 400, code: 'ExpiredToken', message: 'The provided token has expired.' },
  wrongSignature: {
    status: 403,
    code: 'SignatureDoesNotMatch',
    message: 'The request signature we calculated does not match the signature you provided.',
  },
  skewed: {
    status: 403,
    code: 'RequestTimeTooSkewed',
    message: 'The difference between the request time and the current time is too large.',
  },
  wrongRegion: {
    status: 400,
    code: 'AuthorizationHeaderMalformed',
    message: "The authorization header is malformed; the region 'a' is wrong; expecting 'b'",
  },
  elsewhere: {
    status: 301,
    code: 'PermanentRedirect',
    message: 'The bucket must be addressed using the specified endpoint.',
  },
  noSuchBucket: { status: 404, code: 'NoSuchBucket', message: 'The specified bucket does not exist.' },
  noSuchKey: { status: 404, code: 'NoSuchKey', message: 'The specified key does not exist.' },
  noSuchUpload: {
    status: 404,
    code: 'NoSuchUpload',
    message: 'The specified multipart upload does not exist.',
  },
  invalidPart: { status: 400, code: 'InvalidPart', message: 'A part could not be found.' },
  invalidRange: { status: 416, code: 'InvalidRange', message: 'The requested range cannot be obtained.' },
  keyTooLong: { status: 400, code: 'KeyTooLong', message: 'Your key is too long.' },
  tooMany: { status: 400, code: 'MalformedXML', message: 'More than 1000 objects.' },
  badDigest: {
    status: 400,
    code: 'BadDigest',
    message: 'The specified value of Content-MD5 does not match the value received by OBS.',
  },
  exists: { status: 409, code: 'ObjectAlreadyExists', message: 'The object already exists.' },
  notAllowed: { status: 405, code: 'MethodNotAllowed', message: 'The method is not allowed.' },
} as const satisfies Record<string, Refusal>;

export type RefusalName = keyof typeof REFUSALS;
