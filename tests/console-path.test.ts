import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { SENTENCES, openBrowser, openPage, type OpenedPage, type TestBrowser } from '@lade/console/testing';
import type { ConsoleLink, LayerSummary } from '@lade/control-protocol';
import { startOrigin } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { Testbed, inSteps, needsRoot, waitUntil } from './testbed.ts';

/*
 * What somebody does in the console, on two real nodes and one bucket: an image comes from a registry to one, from the bucket to
 * the other, is watched, run, looked into and removed. Pictures of it go to output/console.
 */
const PICTURES = join(import.meta.dirname, '../output/console');
const LAZY = ['--http', '127.0.0.1:0', '--background-rate', '0'];
const READ_MORE =
  'python3 -c "import asyncio, email, http.client, json, logging, sqlite3, ssl, unittest, time; print(41 + 1); time.sleep(1000)"';

for (const language of ['en', 'zh'] as const) {
  test(`the main path of every page, ${language}`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    await using opened = await openBrowser();
    await mkdir(PICTURES, { recursive: true });
    const step = inSteps(t);
    const words = SENTENCES[language];
    const { layout, name } = await bed.image('python');
    await using origin = await startOrigin([layout]);
    const reference = `${origin.address}/${name}`;
    const bucketUrl = await bed.bucket('directory');
    const first = await Console.open(await bed.node('first', bucketUrl, '2.1', LAZY), { opened, language });
    const second = await Console.open(await bed.node('second', bucketUrl, '2.1', LAZY), { opened, language });
    const id = `console-${process.pid}-${language}`;

    await step('an image is pulled from a registry, and seen to go to the bucket', async () => {
      await using shown = await first.show('#/images');
      const { page } = shown;
      await page.getByLabel(words.images.pullLabel).fill(reference);
      await page.getByRole('button', { name: words.images.pull, exact: true }).click();
      await page.getByText(words.images.pulled(reference)).waitFor();
      await page
        .locator('.pull-layer')
        .getByText(words.images.steps.stored, { exact: true })
        .last()
        .waitFor();
      await first.node.uploaded();
      await first.finish(shown, 'pulled');
    });

    await step('another node pulls it from the bucket alone', async () => {
      await using shown = await second.show('#/images');
      const { page } = shown;
      await page.getByLabel(words.images.pullLabel).fill(reference);
      await page.getByRole('combobox').selectOption('bucket');
      await page.getByRole('button', { name: words.images.pull, exact: true }).click();
      await page.getByText(words.images.pulledFromBucket).waitFor();
      await second.finish(shown, 'pulled-from-bucket');
    });

    await step('a container is run, and the chunks that it reads light up', async () => {
      const layer = await largestLayer(second.node);
      await using watched = await second.show(`#/layers/${layer.diffId}`);
      const map = watched.page.getByRole('application');
      await map.waitFor();
      const chunks = async (): Promise<string> =>
        watched.page
          .locator('.totals .quiet')
          .textContent()
          .then((text) => text ?? '');
      const [before, picture] = [await chunks(), await map.screenshot()];
      await using shown = await second.show('#/images');
      const { page } = shown;
      await page.getByRole('button', { name: words.images.run }).click();
      await page.getByLabel(words.images.command).fill(READ_MORE);
      await page.getByRole('textbox', { name: words.images.containerName }).fill(id);
      await page.getByRole('button', { name: words.images.start, exact: true }).click();
      await page.getByText('42', { exact: true }).first().waitFor({ state: 'attached' });
      await second.finish(shown, 'log');
      await waitUntil('the map shows more chunks', async () => (await chunks()) !== before);
      assert.notDeepEqual(await map.screenshot(), picture);
      assert.ok((await largestLayer(second.node)).residentBytes < layer.blobBytes, 'not all of it came');
      await second.finish(watched, 'map');
    });

    await step('a terminal is opened in it', async () => {
      await using shown = await second.show(`#/containers/default/${id}`);
      const { page } = shown;
      await page.getByRole('tab', { name: words.containers.terminal }).click();
      await page.getByRole('button', { name: words.containers.open }).click();
      await page.locator('.xterm-helper-textarea').waitFor({ state: 'attached' });
      await page.getByText(/[#$]/).first().waitFor({ state: 'attached' });
      await page.keyboard.type('echo it is $((6 * 7))');
      await page.keyboard.press('Enter');
      await page.getByText('it is 42').first().waitFor({ state: 'attached' });
      await second.finish(shown, 'terminal');
      await page.keyboard.type('exit');
      await page.keyboard.press('Enter');
      await page.getByText(words.containers.terminalEnded(0)).waitFor();
    });

    await step('all that was done is among the events', async () => {
      await using shown = await second.show('#/events');
      const { page } = shown;
      for (const [kind, about] of [
        ['bucket.get', 'packs/'],
        ['containerd.snapshots.prepare', id],
      ] as const) {
        await page.getByLabel(words.events.search).fill(`${kind} ${about}`);
        await page.locator('.event', { hasText: kind }).first().waitFor();
      }
      await second.finish(shown, 'events');
    });

    await step('it is ended and removed, and the image after it', async () => {
      await using shown = await second.show(`#/containers/default/${id}`);
      const { page } = shown;
      await page.getByRole('button', { name: `${words.words.remove} ${id}` }).click();
      await page.getByText(words.containers.removeRunning).waitFor();
      await page.getByRole('dialog').getByRole('button', { name: words.words.remove }).click();
      await page.getByText(words.containers.gone).waitFor();
      await page.getByRole('link', { name: words.app.pages.images }).click();
      await page.getByRole('button', { name: `${words.words.remove} ${reference}` }).click();
      await page.getByRole('dialog').getByRole('button', { name: words.words.remove }).click();
      await page.getByText(words.images.notOnNode).waitFor();
      await second.finish(shown, 'removed');
    });

    await step('a dry run of garbage collection finds that all of the bucket is needed', async () => {
      await using shown = await first.show('#/bucket');
      const { page } = shown;
      await page.getByRole('button', { name: words.bucket.dryRun }).click();
      await page.getByText(words.bucket.gcNothing).waitFor();
      await first.finish(shown, 'garbage');
    });
  });
}

interface Look {
  readonly opened: TestBrowser;
  readonly language: 'en' | 'zh';
}

/** A node as one sees it in a browser, in one language. */
class Console {
  readonly node: LadeNode;
  readonly #url: string;
  readonly #look: Look;

  private constructor(node: LadeNode, url: string, look: Look) {
    this.node = node;
    this.#url = url;
    this.#look = look;
  }

  static async open(node: LadeNode, look: Look): Promise<Console> {
    const { url } = JSON.parse(await node.ladeOrThrow('console', '--json')) as ConsoleLink;
    return new Console(node, url, look);
  }

  /** A page that has been given the token. */
  async show(address: string): Promise<OpenedPage> {
    const { opened, language } = this.#look;
    const shown = await openPage(opened.browser, { url: this.#url, language });
    await shown.page.getByText(SENTENCES[language].overview.allWell).waitFor();
    await shown.page.goto(new URL(address, this.#url).href);
    return shown;
  }

  /** Keeps a picture, and proves that nothing was wrong with the page, or is for those who do not see it. */
  async finish({ page, faults, audit }: OpenedPage, name: string): Promise<void> {
    await page.screenshot({ path: join(PICTURES, `live-${name}-${this.#look.language}.png`) });
    assert.deepEqual(await audit(), []);
    assert.deepEqual(faults, []);
  }
}

async function largestLayer(node: LadeNode): Promise<LayerSummary> {
  const layers = JSON.parse(await node.ladeOrThrow('layers', '--json')) as readonly LayerSummary[];
  return layers.reduce((a, b) => (b.blobBytes > a.blobBytes ? b : a));
}
