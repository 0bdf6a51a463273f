import { defineCommand, wrongUsage } from '../command.ts';
import { withEachName } from '../each-name.ts';
import { CLIENT_OPTIONS, NAMESPACE, namespaceIn, openClient } from '../open-client.ts';

export const rmi = defineCommand({
  usage: 'rmi [OPTIONS] IMAGE…',
  summary: 'remove images from containerd, or have the bucket forget them',
  details: 'The bytes go with lade gc, those of the bucket with lade gc --bucket.\n',
  options: {
    bucket: { type: 'boolean', description: 'have the bucket forget them; containerd keeps them' },
    namespace: NAMESPACE,
    ...CLIENT_OPTIONS,
  },
  lacking: {
    '-f': 'Leave it out: an image goes whoever uses it, and its containers keep their files',
    '--force': 'Leave it out: an image goes whoever uses it, and its containers keep their files',
  },
  operands: ['IMAGE'],
  more: 'several',
  check({ bucket, namespace }) {
    if (bucket && namespace !== undefined)
      throw wrongUsage('--bucket and --namespace exclude each other', 'The bucket has no namespaces');
  },
  async run({ values, operands, terminal }) {
    using client = openClient(values);
    const scope = namespaceIn(values);
    const options = { json: values.json, terminal, done: ' removed' };
    return await withEachName(operands, options, async (image) =>
      values.bucket ? client.bucket.removeImage(image) : client.removeImage(image, scope),
    );
  },
});
