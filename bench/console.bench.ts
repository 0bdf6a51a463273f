import { createNode, openBrowser, openPage, startApiServer, type SampleNode } from '@lade/console/testing';
import type { BenchCase, BenchContext } from './benchmark.ts';
import { median, round, spread } from './statistics.ts';

const RUNS = 3;
const WATCHED_MS = 5000;
const WANTED_PER_SECOND = 30;

interface Scene {
  readonly node: Partial<SampleNode>;
  /** The address of its page behind the #, given a layer. */
  readonly address: (diffId: string) => string;
  /** What the page shows when everything is there. */
  readonly shows: RegExp;
}

const SCENES: Readonly<Record<string, Scene>> = {
  'map-100000': {
    node: { chunks: 100_000, touches: { perSecond: 20, chunks: 5000 } },
    address: (diffId) => `#/layers/${diffId}`,
    shows: /of 100,000 chunks/,
  },
  'events-1000': { node: { eventsPerSecond: 1000 }, address: () => '#/events', shows: /of 5,000 events/ },
};

/** How long a page of the console needs from one animation frame to the next while much happens: over a 30th of a second. */
export async function* bench(context: BenchContext): AsyncGenerator<BenchCase> {
  const { runs = RUNS } = context;
  for (const [name, scene] of Object.entries(SCENES)) {
    if (!context.isWanted(name)) continue;
    const frames: Frames[] = [];
    for (let run = 0; run < runs; run++) {
      context.signal.throwIfAborted();
      frames.push(await watchFrames(scene));
      context.say(`  ${name}: ${frames.at(-1)?.perSecond.toFixed(1)} frames a second`);
    }
    const ratios = frames.map(({ perSecond }) => WANTED_PER_SECOND / perSecond);
    yield {
      case: name,
      ratio: round(median(ratios)),
      want: '<=1.0',
      met: median(ratios) <= 1,
      peer: `${WANTED_PER_SECOND} frames a second`,
      runs,
      spread: spread(ratios),
      framesPerSecond: round(median(frames.map(({ perSecond }) => perSecond))),
      longestFrameMs: round(Math.max(...frames.map(({ longestMs }) => longestMs))),
    };
  }
}

interface Frames {
  readonly perSecond: number;
  readonly longestMs: number;
}

async function watchFrames({ node, address, shows }: Scene): Promise<Frames> {
  await using api = await startApiServer(createNode(node));
  await using opened = await openBrowser();
  const url = `${api.url}/${address(api.node.layers[3]?.diffId ?? '')}`;
  await using opening = await openPage(opened.browser, { url });
  await opening.page.getByText(shows).first().waitFor();
  return await opening.page.evaluate<Frames>(`new Promise((done) => {
    const times = [];
    const tick = (now) => {
      times.push(now);
      if (now - times[0] < ${WATCHED_MS}) return requestAnimationFrame(tick);
      const gaps = times.slice(1).map((time, i) => time - times[i]);
      done({ perSecond: gaps.length * 1000 / (now - times[0]), longestMs: Math.max(...gaps) });
    };
    requestAnimationFrame(tick);
  })`);
}
