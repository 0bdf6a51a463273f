import type { OnDemandFiles } from '@lade/residency';

/** Opens `kind` of files with the first one that is served: a node without such layers is spared a thread. */
export function openWhenServed(
  kind: OnDemandFiles['kind'],
  open: () => Promise<OnDemandFiles>,
): OnDemandFiles {
  let opening: Promise<OnDemandFiles> | undefined;
  let areAllServed = false;
  return {
    kind,
    async serve(file) {
      opening ??= open();
      const files = await opening.catch((reason: unknown) => {
        // The next layer tries again.
        opening = undefined;
        throw reason;
      });
      if (areAllServed) files.allServed();
      return files.serve(file);
    },
    allServed() {
      areAllServed = true;
      // Who serves hears of a failure.
      opening?.then((files) => files.allServed()).catch(() => {});
    },
    setWhole: async (number, whole) => (await opening)?.setWhole(number, whole),
    drained: async (options) => (await opening)?.drained(options),
    forget: async (number) => (await opening)?.forget(number),
    async [Symbol.asyncDispose]() {
      await (await opening?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  };
}
