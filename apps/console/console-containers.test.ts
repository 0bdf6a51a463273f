import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { PICTURES, openPage, startApiServer, useBrowser } from './testing/index.ts';

/* The built console in a real browser: containers that are run, and terminals in them. */
const opened = useBrowser();

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
