import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { LOOKS, PICTURES, openPage, startApiServer, useBrowser } from './testing/index.ts';

/* The built console in a real browser: images, how they start, and what is read of them. */
const opened = useBrowser();

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
