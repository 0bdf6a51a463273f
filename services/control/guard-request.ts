import type { IncomingMessage } from 'node:http';
import { RequestRefusal } from './request-refusal.ts';

const LOOPBACK_NAMES = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i;

/**
 * Keeps web pages out. Over TCP a foreign Host header means a name that was rebound to the loopback address; on either
 * transport a foreign Origin header means a page of another site. Throws a RequestRefusal.
 */
export function guardRequest({ headers }: IncomingMessage, transport: 'unix' | 'tcp'): void {
  const { host = '', origin } = headers;
  if (transport === 'tcp' && !LOOPBACK_NAMES.test(host)) {
    throw new RequestRefusal(
      403,
      'permission_denied',
      `Cannot serve host ${host}: this API is for this machine only`,
      {
        cure: 'Use http://localhost with the port of the API',
      },
    );
  }
  if (origin !== undefined && origin !== `http://${host}`) {
    throw new RequestRefusal(403, 'permission_denied', `Cannot serve origin ${origin}: it is another site`);
  }
}
