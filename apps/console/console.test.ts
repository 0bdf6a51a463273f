import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import {
  LOOKS,
  PICTURES,
  createEmptyNode,
  createNode,
  openBrowser,
  openPage,
  startApiServer,
  type TestBrowser,
} from './testing/index.ts';

/* The built console in a real browser, against a daemon in memory that plays the contract. Pictures go to output/console. */
let opened: TestBrowser;
before(async () => {
  await mkdir(PICTURES, { recursive: true });
  opened = await openBrowser();
});
after(async () => opened[Symbol.asyncDispose]());

const diffId = createNode().layers[3]?.diffId ?? '';

/** Each page, and a text that it has once it has its answers, in each language. */
const PAGES = [
  ['overview', '#/', ['Everything works', '一切正常']],
  ['images', '#/images', ['python:3.13', 'python:3.13']],
  ['layer', `#/layers/${diffId}`, ['First files read', '最先读取的文件']],
  ['layers', '#/layers', ['Layers on this node', '本节点上的层']],
  ['bucket', '#/bucket', ['packs of chunks', '数据块包']],
  ['containers', '#/containers', ['python-4f1c', 'python-4f1c']],
  ['container', '#/containers/default/web', ['ready for start up', 'ready for start up']],
  ['events', '#/events', ['bucket.get', 'bucket.get']],
  ['not-found', '#/nowhere', ['There is no such page', '没有这个页面']],
] as const;

for (const look of LOOKS) {
  test(`every page is whole and accessible: ${look.name}, ${look.language}`, async (t) => {
    await using api = await startApiServer();
    for (const [name, address, texts] of PAGES) {
      await t.test(name, async () => {
        await using opening = await openPage(opened.browser, { ...look, url: `${api.url}/${address}` });
        const { page, faults, audit } = opening;
        await page
          .getByText(texts[look.language === 'en' ? 0 : 1])
          .first()
          .waitFor();
        await page.screenshot({ path: join(PICTURES, `${name}-${look.name}.png`) });
        assert.deepEqual(await audit(), []);
        assert.equal(
          await page.evaluate('document.documentElement.scrollWidth <= innerWidth'),
          true,
          'nothing is cut off at the side',
        );
        assert.equal(
          await page.evaluate('document.documentElement.lang'),
          look.language === 'en' ? 'en' : 'zh-CN',
        );
        assert.deepEqual(faults, []);
      });
    }
  });
}

for (const look of LOOKS) {
  test(`starts are told apart, and reads file by file: ${look.name}, ${look.language}`, async () => {
    const isEnglish = look.language === 'en';
    await using api = await startApiServer();
    await using opening = await openPage(opened.browser, { ...look, url: `${api.url}/#/images` });
    const { page, faults, audit } = opening;
    const isWhole = async (): Promise<void> => {
      assert.deepEqual(await audit(), []);
      assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
    };
    await page
      .getByText(isEnglish ? 'not started here yet' : '还没有在本节点启动过')
      .first()
      .waitFor();
    const times = await page.locator('.start-times').first().innerText();
    assert.match(
      times.replaceAll(/\s+/g, ' '),
      isEnglish ? /first – cold 688 ms warm 241 ms/ : /首次 – 冷 688 .*热 241/,
    );
    await page.getByRole('button', { name: isEnglish ? '5 layers' : '5 层' }).click();
    const rows = page
      .getByRole('group', { name: isEnglish ? 'Starts here' : '在本节点的启动' })
      .locator('tbody tr');
    const texts = await rows.allInnerTexts();
    assert.equal(texts.length, 2);
    assert.match(texts[0] ?? '', isEnglish ? /cold\s+398 ms\s+–\s+1.93 s/ : /冷\s+398/);
    assert.match(texts[1] ?? '', isEnglish ? /first\s+342 ms\s+9.12 s\s+–\s+–\s+web-0/ : /首次\s+342/);
    await page.screenshot({ path: join(PICTURES, `starts-${look.name}.png`), fullPage: true });
    await isWhole();
    await page.goto(`${api.url}/#/containers/default/web`);
    await page.getByRole('tab', { name: isEnglish ? 'Reads' : '读取' }).click();
    await page.getByText('usr/sbin/nginx').waitFor();
    await page.getByText(isEnglish ? /Besides, 12.3 kB/ : /此外/).waitFor();
    await page.getByText(isEnglish ? /Reads are not seen of layers/ : /看不到/).waitFor();
    await page.getByText(isEnglish ? '412 ms · cold' : /412 .*· 冷/).waitFor();
    await page.screenshot({ path: join(PICTURES, `reads-${look.name}.png`), fullPage: true });
    await isWhole();
    await page.goto(`${api.url}/#/containers`);
    const unseen = page.getByRole('button', { name: isEnglish ? 'not seen' : '未观测' });
    await unseen.focus();
    await page.getByRole('tooltip').waitFor();
    await page.screenshot({ path: join(PICTURES, `unseen-${look.name}.png`) });
    await isWhole();
    await unseen.blur();
    await page.getByRole('tooltip').waitFor({ state: 'detached' });
    assert.deepEqual(faults, []);
  });
}

test('an empty node says what to do next', async () => {
  await using api = await startApiServer(createEmptyNode());
  await using opening = await openPage(opened.browser, { url: api.url });
  const { page, faults, audit } = opening;
  await page.getByRole('link', { name: 'Pull an image' }).click();
  await page.getByText('No image is known yet').waitFor();
  for (const [name, text] of [
    ['Containers', 'No container is here'],
    ['Bucket', 'Nothing was asked of the bucket in this time'],
    ['Bucket', 'The bucket is empty'],
    ['Events', 'Nothing has happened yet'],
  ] as const) {
    await page.getByRole('link', { name, exact: true }).click();
    await page.getByText(text).waitFor();
    assert.deepEqual(await audit(), []);
    await page.screenshot({ path: join(PICTURES, `empty-${name.toLowerCase()}.png`), fullPage: true });
  }
  assert.deepEqual(faults, []);
});

test('a node in trouble says what is wrong and what to do', async () => {
  const node = createNode();
  const { containerd: _, ...status } = node.status;
  node.status = {
    ...status,
    uploads: { waiting: 3, lastError: 'Cannot write to the bucket: 403' },
    bucketHealth: {
      state: 'refused',
      since: status.bucketHealth.since,
      clockAheadMs: 300_000,
      lastError: {
        code: 'permission_denied',
        message: 'Cannot read chains/x in s3://images/lade: Access Denied',
        cure: 'Allow get on the bucket',
        at: status.bucketHealth.since,
        operation: 'get',
        key: 'chains/x',
      },
    },
  };
  await using api = await startApiServer(node);
  await using opening = await openPage(opened.browser, { url: api.url });
  const { page, audit } = opening;
  await page.getByText('4 things need attention').waitFor();
  await page.getByText('Check that containerd runs').waitFor();
  await page.getByText('Cannot write to the bucket: 403').waitFor();
  await page.getByText('Cannot read chains/x in s3://images/lade: Access Denied').waitFor();
  await page.getByText('Allow get on the bucket').waitFor();
  await page.getByText('5 min 0 s behind that of the bucket').waitFor();
  await page.screenshot({ path: join(PICTURES, 'trouble.png') });
  assert.deepEqual(await audit(), []);
  await api[Symbol.asyncDispose]();
  await page.getByRole('alert').getByText('The daemon does not answer').waitFor();
  // What was known then is told as of then, and no longer as good or bad.
  await page
    .locator('.tile')
    .getByText(/^as of \d/)
    .first()
    .waitFor();
  assert.equal(await page.locator('.badge-good, .badge-bad, .badge-warn').count(), 0);
  await page.screenshot({ path: join(PICTURES, 'stopped.png') });
  assert.deepEqual(await audit(), []);
});

test('an image is pulled from a registry with progress, then from the bucket at once, and removed', async () => {
  await using api = await startApiServer();
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/images` });
  const { page, faults } = opening;
  await page.getByLabel('Image to pull').fill('redis:8');
  await page.getByRole('button', { name: 'Pull', exact: true }).click();
  await page.getByText('from the registry').first().waitFor();
  await page.screenshot({ path: join(PICTURES, 'pull.png') });
  await page.getByText('docker.io/library/redis:8 is here').waitFor();
  await page.getByRole('heading', { name: 'redis:8', exact: true }).waitFor();
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await page.getByLabel('Image to pull').fill('redis:8');
  await page.keyboard.press('Enter');
  await page.getByText('All of it came from the bucket').waitFor();
  await page.getByRole('button', { name: 'Remove redis:8' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByRole('heading', { name: 'redis:8', exact: true }).waitFor({ state: 'detached' });
  await page.getByLabel('Image to pull').fill('redis:missing');
  await page.keyboard.press('Enter');
  await page.getByText('Check its name').waitFor();
  assert.deepEqual(faults, []);
});

test('what changes something asks for the token once, refuses a wrong one, and goes on with the right one', async () => {
  await using api = await startApiServer(createNode({ token: 'secret' }));
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/containers` });
  const { page, audit } = opening;
  await page.getByRole('button', { name: 'Stop' }).first().click();
  await page.getByText('control-token').waitFor();
  assert.deepEqual(await audit(), []);
  await page.getByLabel('Token', { exact: true }).fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByText('That token is not this daemon’s').waitFor();
  await page.getByLabel('Token', { exact: true }).fill('secret');
  await page.keyboard.press('Enter');
  await page.getByText('exited with 143').waitFor();
});

test('a token in the address is taken out of it, and used', async () => {
  await using api = await startApiServer(createNode({ token: 'secret' }));
  await using opening = await openPage(opened.browser, { url: `${api.url}/#token=secret` });
  const { page } = opening;
  await page.getByText('Everything works').waitFor();
  assert.doesNotMatch(page.url(), /secret/);
  await page.getByRole('link', { name: 'Containers' }).click();
  await page.getByRole('button', { name: 'Stop' }).first().click();
  await page.getByText('exited with 143').waitFor();
});

test('a container is run with a terminal, and what is typed arrives in order', async () => {
  await using api = await startApiServer();
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/images` });
  const { page, faults, audit } = opening;
  await page.getByRole('button', { name: 'Run' }).first().click();
  await page.getByLabel('Environment').fill('nonsense');
  await page.getByText('is not NAME=VALUE').waitFor();
  await page.getByLabel('Environment').fill('A=1');
  await page.getByLabel('Command').fill('python3 -i');
  await page.getByLabel('With a terminal').check();
  assert.deepEqual(await audit(), []);
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await typeAndLeave(page, api.node.inputs);
  assert.deepEqual(await audit(), []);
  await page.screenshot({ path: join(PICTURES, 'terminal.png') });
  assert.deepEqual(faults, []);
});

test('a terminal is opened in a container that runs', async () => {
  await using api = await startApiServer();
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/containers/default/web` });
  const { page, faults } = opening;
  assert.equal(
    api.requests.some((line) => line.includes('terminal')),
    false,
    'the terminal is loaded when it is needed',
  );
  await page.getByRole('tab', { name: 'Terminal' }).click();
  await page.getByRole('button', { name: 'Open a terminal' }).click();
  await typeAndLeave(page, api.node.inputs);
  await page.getByRole('tab', { name: 'Reads' }).click();
  await page.getByText('Filled for it').waitFor();
  assert.deepEqual(faults, []);
});

async function typeAndLeave(page: Page, inputs: readonly string[]): Promise<void> {
  await page.locator('.xterm-helper-textarea').waitFor({ state: 'attached' });
  await page.getByText('root@web').first().waitFor({ state: 'attached' });
  await page.keyboard.type('echo in order');
  await page.keyboard.press('Enter');
  await page.getByText('you typed: echo in order').first().waitFor({ state: 'attached' });
  assert.equal(inputs.join(''), 'echo in order\r');
  await page.keyboard.type('exit');
  await page.keyboard.press('Enter');
  await page.getByText('The process ended with 0').waitFor();
}

test('the map of 100,000 chunks shows what is touched, and names files for pointer and keys', async () => {
  await using api = await startApiServer(
    createNode({ chunks: 100_000, touches: { perSecond: 10, chunks: 2000 } }),
  );
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/layers/${diffId}` });
  const { page, faults } = opening;
  const map = page.getByRole('application');
  await map.waitFor();
  await page
    .getByText(/of 100,000 chunks/)
    .first()
    .waitFor();
  const before = await map.screenshot();
  await page.waitForFunction('new Promise((done) => setTimeout(() => done(true), 300))');
  assert.notDeepEqual(await map.screenshot(), before);
  await map.hover({ position: { x: 40, y: 40 } });
  await page
    .getByText(/Chunk [\d,]+/)
    .first()
    .waitFor();
  await map.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await page.getByText('Chunk 1', { exact: true }).waitFor();
  await page
    .locator('.map-tip')
    .getByText(/usr\/lib/)
    .first()
    .waitFor();
  await page.screenshot({ path: join(PICTURES, 'map-100000.png') });
  await page.getByRole('button', { name: 'Replay on the map' }).click();
  assert.deepEqual(faults, []);
});

test('1,000 events a second are listed, filtered and paused', async () => {
  await using api = await startApiServer(createNode({ eventsPerSecond: 1000 }));
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/events` });
  const { page, faults } = opening;
  await page.getByText(/of 5,000 events/).waitFor();
  assert.ok((await page.locator('.event').count()) < 100);
  await page.getByLabel('Only failures').check();
  await page.getByText('code=unavailable').first().waitFor();
  await page.getByLabel('Only failures').uncheck();
  await page.getByRole('combobox').selectOption('containerd');
  await page.getByLabel('Search').fill('PREPARE');
  await page.getByRole('button', { name: 'Pause' }).click();
  const first = await page.locator('.event').first().textContent();
  await page.getByRole('button', { name: /[\d,]+ new/ }).waitFor();
  assert.equal(await page.locator('.event').first().textContent(), first);
  assert.match(first ?? '', /containerd\.snapshots\.prepare/);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByLabel('Search').fill('there is nothing like this');
  await page.getByText('No event is like that').waitFor();
  assert.deepEqual(faults, []);
});

for (const look of [...LOOKS, { name: 'phone-light', language: 'zh', dark: false, width: 390 }] as const) {
  test(`the bucket's past is charted over an hour, a day and a month: ${look.name}, ${look.language}`, async () => {
    const isEnglish = look.language === 'en';
    await using api = await startApiServer();
    await using opening = await openPage(opened.browser, { ...look, url: `${api.url}/#/bucket` });
    const { page, faults, audit } = opening;
    const charts = page.locator('.chart');
    await charts.first().locator('canvas').waitFor();
    for (const [name, button] of [
      ['hour', isEnglish ? 'Hour' : '1 小时'],
      ['day', isEnglish ? '24 hours' : '24 小时'],
      ['month', isEnglish ? '30 days' : '30 天'],
    ] as const) {
      await page.getByRole('button', { name: button, exact: true }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: button, exact: true, pressed: true }).waitFor();
      await charts.getByText(isEnglish ? 'Reads (GET, HEAD)' : '读取（GET、HEAD）').waitFor();
      await page.locator('section', { has: charts.first() }).screenshot({
        path: join(PICTURES, `history-${name}-${look.name}.png`),
      });
      const label = await page.getByRole('img').first().getAttribute('aria-label');
      assert.match(label ?? '', isEnglish ? /^Requests: Reads \(GET, HEAD\) [\d,]+, / : /^请求: 读取/);
    }
    await page.getByText(isEnglish ? 'As a table' : '以表格显示').click();
    assert.equal(await page.locator('.chart-table tbody tr').count(), 12);
    assert.deepEqual(await audit(), []);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
    assert.deepEqual(faults, []);
  });
}

test('a chart tells what is under the pointer, and goes on with what comes', async () => {
  await using api = await startApiServer();
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/bucket` });
  const { page, faults } = opening;
  const chart = page.locator('.chart').first();
  await chart.locator('canvas').waitFor();
  const legend = chart.locator('.chart-legend li').first();
  const all = await legend.innerText();
  await chart.locator('.u-over').hover({ position: { x: 90, y: 60 } });
  await chart.getByText(/^\d\d:\d\d – \d\d:\d\d$/).waitFor();
  assert.notEqual(await legend.innerText(), all);
  await page.screenshot({ path: join(PICTURES, 'history-pointed.png') });
  assert.equal(await page.getByText(/^\d\d:\d\d – \d\d:\d\d$/).count(), 3, 'in all charts');
  const asked = (): string[] => api.requests.filter((request) => request.includes('/bucket/history'));
  while (asked().length < 3) await sleep(200);
  assert.match(asked()[0] ?? '', /step=minute$/);
  assert.match(asked()[2] ?? '', /step=minute&since=/, 'only what is new');
  assert.deepEqual(faults, []);
});

test('garbage is shown by a dry run, and removed only when that is confirmed', async () => {
  await using api = await startApiServer();
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/bucket` });
  const { page, faults } = opening;
  const had = api.node.objects.length;
  await page.getByRole('button', { name: 'Dry run' }).click();
  await page.getByText(/objects are garbage/).waitFor();
  assert.equal(api.node.objects.length, had);
  await page.getByRole('button', { name: /Remove [\d,]+ objects/ }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  assert.equal(api.node.objects.length, had);
  await page.getByRole('button', { name: /Remove [\d,]+ objects/ }).click();
  await page.getByRole('button', { name: 'Remove them' }).click();
  await page.getByText(/objects removed/).waitFor();
  assert.ok(api.node.objects.length < had);
  await page.getByRole('button', { name: 'Next page' }).click();
  await page.getByLabel('Keys that begin with').fill('hot/');
  await page.keyboard.press('Enter');
  await page
    .getByText(/^hot\/sha256/)
    .first()
    .waitFor();
  assert.deepEqual(faults, []);
});

test('the bucket is priced by a file that stays in the browser, and one that is none is refused', async () => {
  await using api = await startApiServer();
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/bucket` });
  const { page, faults, audit } = opening;
  const choose = async (prices: object | string): Promise<void> =>
    page.getByLabel('Choose prices').setInputFiles({
      name: 'prices.json',
      mimeType: 'application/json',
      buffer: Buffer.from(typeof prices === 'string' ? prices : JSON.stringify(prices)),
    });
  await page.getByText('Prices differ by region and contract').waitFor();
  await choose('currency: EUR');
  await page.getByText('Cannot use prices prices.json: want that it is JSON').waitFor();
  await choose({ currency: 'EUR', asOf: 'May' });
  await page.getByText('want that per1000Requests.read is a number').waitFor();
  await page.getByText('See docs/reference/nodes.md').waitFor();
  const per1000Requests = { read: 0.5, write: 5, list: 5, delete: 0 };
  await choose({
    currency: 'EUR',
    asOf: 'May',
    per1000Requests,
    perGiB: { received: 1, sent: 0, storedForAMonth: 0 },
  });
  // Two nodes, each 120,000 reads, 4,000 writes and 2 GiB.
  await page.getByText('164.00 EUR').waitFor();
  assert.deepEqual(await audit(), []);
  await page.reload();
  await page.getByText('An estimate at your prices of May').waitFor();
  await page.getByRole('button', { name: 'Forget prices' }).click();
  await page.getByText('164.00 EUR').waitFor({ state: 'detached' });
  assert.deepEqual(faults, []);
});

test('an image tells what it shares with others', async () => {
  await using api = await startApiServer();
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/images` });
  const { page } = opening;
  await page
    .getByText(/compressed are layers that other images have, too/)
    .first()
    .waitFor();
  // Which sizes are compressed is said, and how much of an image is here.
  await page.getByText(/^382 MB compressed$/).waitFor();
  await page
    .getByText(/^8\.\d % resident$/)
    .first()
    .waitFor();
});

test('nobody looks: nothing is asked until somebody does again', async () => {
  await using api = await startApiServer();
  await using opening = await openPage(opened.browser, { url: api.url });
  const { page } = opening;
  await page.getByText('Everything works').waitFor();
  await setVisible(page, false);
  // What was on its way may still arrive.
  let asked: number;
  do {
    asked = api.requests.length;
    await sleep(500);
  } while (api.requests.length !== asked);
  await page.waitForFunction('new Promise((done) => setTimeout(() => done(true), 4500))');
  assert.equal(api.requests.length, asked);
  // It goes on after the last event it knows.
  const goesOn = page.waitForRequest(/events\?.*since=/);
  const looks = page.waitForResponse(/v1\/status/);
  await setVisible(page, true);
  await Promise.all([goesOn, looks]);
});

/** Plays what a browser does with a tab that comes to the front or goes from it. */
async function setVisible(page: Page, visible: boolean): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, 'visibilityState', { value: '${visible ? 'visible' : 'hidden'}', configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  `);
}

test('language and colours are chosen by hand, and kept', async () => {
  await using api = await startApiServer();
  await using opening = await openPage(opened.browser, { url: api.url });
  const { page } = opening;
  await page.getByRole('button', { name: '简体中文' }).click();
  await page.getByRole('heading', { name: '概览' }).waitFor();
  await page.getByRole('button', { name: /配色/ }).click();
  await page.getByRole('button', { name: /配色/ }).click();
  await page.reload();
  await page.getByRole('heading', { name: '概览' }).waitFor();
  assert.equal(await page.evaluate('document.documentElement.dataset.theme'), 'dark');
});

test('every page is reached with the keyboard alone', async () => {
  await using api = await startApiServer();
  await using opening = await openPage(opened.browser, { url: api.url });
  const { page } = opening;
  await page.getByText('Everything works').waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to content');
  for (let i = 0; i < 3; i++) await page.keyboard.press('Tab');
  assert.match(String(await page.evaluate('document.activeElement.textContent')), /Images/);
  assert.notEqual(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'), 'none');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Images' }).waitFor();
});
