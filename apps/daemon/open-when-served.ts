import type { OnDemandFiles } from '@lade/residency';

interface OpenWhenServed extends OnDemandFiles {
  /** Opens now, so that the first file has not to wait for it. */
  getReady(): void;
}

/** Opens `kind` of files when the first one is expected: a node without such layers is spared a thread. */
export function openWhenServed(
  kind: OnDemandFiles['kind'],
  open: () => Promise<OnDemandFiles>,
): OpenWhenServed {
  let opening: Promise<OnDemandFiles> | undefined;
  let areAllServed = false;
  const opened = async (): Promise<OnDemandFiles> => {
    opening ??= open().catch((reason: unknown) => {
      // The next layer tries again.
      opening = undefined;
      throw reason;
    });
    return opening;
  };
  return {
    kind,
    getReady() {
      // Who serves hears of a failure.
      opened().catch(() => {});
    },
    async serve(file) {
      const files = await opened();
      if (areAllServed) files.allServed();
      return files.serve(file);
    },
    allServed() {
      areAllServed = true;
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
