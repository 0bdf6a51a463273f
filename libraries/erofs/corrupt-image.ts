import { CodedError } from '@lade/errors';

/** What every decoder here throws: `data_loss`, "Cannot decode <object>: <state>". */
export function corruptImage(object: string, state: string): CodedError {
  return new CodedError('data_loss', `Cannot decode ${object}: ${state}`, {
    cure: 'Discard this EROFS image and make it again from its layer',
  });
}
