import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { LOOKS, PICTURES, createNode, openPage, startApiServer, useBrowser } from './testing/index.ts';

/* The built console in a real browser: what it tells of a node, its namespaces, events, layers and logs. */

const opened = useBrowser();

test('the namespace of containerd is chosen where there are several, kept, and used by all that asks', async () => {
  const node = createNode({ namespaces: ['default', 'k8s.io'] });
  const [web] = node.containers;
  assert.ok(web);
  node.containers = [{ ...web, id: 'coredns', namespace: 'k8s.io' }];
  await using api = await startApiServer(node);
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/containers` });
  const { page, faults, audit } = opening;
  await page.getByText('This is namespace default; containerd also has k8s.io.').waitFor();
  await page.getByLabel('Namespace').selectOption('k8s.io');
  await page.getByText('coredns').waitFor();
  await page.screenshot({ path: join(PICTURES, 'namespaces.png') });
  assert.deepEqual(await audit(), []);
  await page.reload();
  await page.getByRole('link', { name: 'coredns' }).click();
  await page.getByText('ready for start up').waitFor();
  await page.getByRole('link', { name: 'Images' }).click();
  await page.getByRole('heading', { name: 'python:3.13' }).waitFor();
  await page.getByRole('button', { name: 'Run' }).first().click();
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.waitForURL(/containers\/k8s\.io\//);
  await page.getByText('ready for start up').waitFor();
  await page.getByLabel('Namespace').selectOption('default');
  await page.getByText('No container is here').waitFor();
  const asked = (path: string): readonly string[] => api.requests.filter((line) => line.includes(path));
  assert.ok(asked('GET /v1/images').every((line) => line.includes('namespace=k8s.io')));
  assert.ok(asked('/logs').every((line) => line.includes('namespace=k8s.io')));
  assert.deepEqual(faults, []);
});

test('where containerd has but the namespace of Kubernetes, that is shown without a choice', async () => {
  const node = createNode({ namespaces: ['k8s.io'] });
  node.containers = node.containers.map((container) => ({ ...container, namespace: 'k8s.io' }));
  await using api = await startApiServer(node);
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/containers` });
  await opening.page.getByText('python-4f1c').waitFor();
  assert.equal(await opening.page.getByLabel('Namespace').count(), 0);
});

for (const look of LOOKS) {
  test(`a log that wants the token says nothing before it is open: ${look.name}, ${look.language}`, async () => {
    const isEnglish = look.language === 'en';
    const node = createNode({ token: 'secret' });
    node.quiet = true;
    await using api = await startApiServer(node);
    await using opening = await openPage(opened.browser, {
      ...look,
      url: `${api.url}/#/containers/default/web`,
    });
    const { page, audit } = opening;
    const dialog = page.getByRole('dialog');
    await dialog.getByText('/var/lib/lade/control-token').waitFor();
    const sentence = await dialog.innerText();
    assert.match(sentence, /lade console/);
    assert.doesNotMatch(sentence, /Authorization|header/);
    assert.match(sentence, isEnglish ? /prints a link/ : /带令牌的链接/);
    const empty = page.getByText(isEnglish ? 'It has not written anything yet' : '它还没有输出任何内容');
    assert.equal(await empty.count(), 0);
    await page.screenshot({ path: join(PICTURES, `token-${look.name}.png`) });
    assert.deepEqual(await audit(), []);
    await dialog.getByRole('textbox').fill('secret');
    await page.keyboard.press('Enter');
    await empty.waitFor();
  });
}

for (const look of LOOKS) {
  test(`an event is read to its end, with all of its trace: ${look.name}, ${look.language}`, async () => {
    await using api = await startApiServer(createNode({ eventsPerSecond: 300 }));
    await using opening = await openPage(opened.browser, { ...look, url: `${api.url}/#/events` });
    const { page, faults, audit } = opening;
    const row = page.locator('.event-row').nth(3);
    await row.waitFor();
    await page.getByRole('region').focus();
    // The list stands still as soon as a row has the focus.
    for (let i = 0; i < 3; i++) await page.keyboard.press(i === 0 ? 'Tab' : 'ArrowDown');
    await page.keyboard.press('Enter');
    const expanded = page.locator('.event-row[aria-expanded="true"]');
    const id = await expanded.getAttribute('aria-controls');
    const detail = page.locator(`[id="${id}"]`);
    const traceId = await detail.getByText(/^[0-9a-f]{32}$/).innerText();
    await page.screenshot({ path: join(PICTURES, `event-${look.name}.png`) });
    assert.deepEqual(await audit(), []);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
    // What is written on the row is nowhere chopped but in its text.
    const chopped = `[...document.querySelectorAll('.event > :not(.event-text)')]
      .filter((part) => part.scrollWidth > part.clientWidth + 1).length`;
    assert.equal(await page.evaluate(chopped), 0);
    await detail.getByRole('link').click();
    await page.locator('.event-trace').getByText(traceId).waitFor();
    await page.waitForFunction("document.querySelectorAll('.event-row').length <= 8");
    await page.locator('.event-row').first().click();
    await page.locator('.event-detail').getByText(traceId).waitFor();
    await page.locator('.event-row').first().click();
    await page.locator('.event-detail').waitFor({ state: 'detached' });
    await page.locator('.event-trace').getByRole('link').click();
    await page.locator('.event-trace').waitFor({ state: 'detached' });
    assert.deepEqual(faults, []);
  });
}

test('a layer is told with its images, and how much of it is resident', async () => {
  await using api = await startApiServer();
  await using opening = await openPage(opened.browser, { url: `${api.url}/#/layers` });
  const { page } = opening;
  const base = page.getByRole('row').filter({ hasText: 'nginx:1.29, registry.example.org/team/recommender' });
  assert.match(await base.first().innerText(), /77\.5 MB\s+100 %/);
  await base.first().getByRole('link').click();
  await page.getByText('Layer of').waitFor();
  await page.getByRole('link', { name: 'nginx:1.29' }).waitFor();
});

test('a node is told from the others', async () => {
  await using api = await startApiServer();
  await using opening = await openPage(opened.browser, { url: api.url });
  await opening.page.getByText('node-a.internal').waitFor();
  await opening.page.getByText('Requests for fills').waitFor();
  await opening.page.getByRole('link', { name: 'Bucket' }).click();
  await opening.page.getByText('node-a.internal this one').waitFor();
  assert.equal(await opening.page.getByText('this one').count(), 1);
});
