import type { S3Client } from '@aws-sdk/client-s3';

/** What stores answer to a body that is not the one whose hash was signed. */
const DAMAGED = ['BadDigest', 'XAmzContentSHA256Mismatch'];

/** Has the client send again what was damaged on the way, as often as other trouble that may pass. */
export function retryDamaged({ middlewareStack }: S3Client): void {
  middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (reason) {
        throw DAMAGED.includes((reason as Error).name)
          ? Object.assign(reason as Error, { $retryable: { throttling: false } })
          : reason;
      }
    },
    { step: 'deserialize', priority: 'high', name: 'retryDamaged' },
  );
}
