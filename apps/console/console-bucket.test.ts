import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOOKS, PICTURES, openPage, startApiServer, useBrowser } from './testing/index.ts';

/* The built console in a real browser: the bucket's past, its garbage and its cost. */
const opened = useBrowser();

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
