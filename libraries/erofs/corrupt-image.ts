import { CodedError } from '@lade/errors';

/**
 * What every decoder here throws: `data_loss`, "Cannot decode <object>: <state>". An inode is told by its nid, so that no text
 * is made for those without a fault: V8 keeps the texts of numbers.
 */
export function corruptImage(object: string | number, state: string): CodedError {
  const name = typeof object === 'number' ? `the inode at nid ${object}` : object;
  return new CodedError('data_loss', `Cannot decode ${name}: ${state}`, {
    cure: 'Discard this EROFS image and make it again from its layer',
  });
}
