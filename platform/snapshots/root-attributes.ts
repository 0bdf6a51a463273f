import { statSync, type Stats } from 'node:fs';
import { mapOwner, type IdMapping } from './id-mapping.ts';

const PLAIN_ROOT = { mode: 0o755, uid: 0, gid: 0 };

/** Of the root of a snapshot whose topmost lower directory is `top`; undefined where nothing is asked for. */
export function attributesOfRoot(
  top: string | undefined,
  idMapping: IdMapping | undefined,
): Pick<Stats, 'mode' | 'uid' | 'gid'> | undefined {
  const { mode, uid, gid } = top === undefined ? PLAIN_ROOT : statSync(top);
  if (idMapping) return { mode, ...mapOwner({ uid, gid }, idMapping) };
  return top === undefined ? undefined : { mode, uid, gid };
}
