import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import {
  LOOKS,
  PICTURES,
  createEmptyNode,
  createNode,
  openPage,
  startApiServer,
  useBrowser,
} from './testing/index.ts';

/*
 * The built console in a real browser, against a daemon in memory that plays the contract: what all pages share. Pictures go to
 * output/console.
 */
const opened = useBrowser();

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
        const url = `${api.url}/${address}`;
        await using opening = await openPage(opened.browser, { ...look, reducedMotion: true, url });
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
