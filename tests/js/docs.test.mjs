// The page of the events, in a browser: it shows all of the document.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { URL_BASE } from './client.mjs';
import { contract } from './schemas.mjs';

let browser;
before(async () => (browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--no-first-run'] })));
after(() => browser?.close());

test('/docs/events shows every event, both ways, and every type', async () => {
  const page = await browser.newPage();
  const failures = [];
  page.on('pageerror', (error) => failures.push(error));
  page.on('console', (said) => said.type() === 'error' && failures.push(said.text()));
  page.on('request', (request) => request.url().startsWith(URL_BASE) || request.url().startsWith('data:') || failures.push(request.url()));
  await page.goto(`${URL_BASE}/docs/events`);
  await page.locator('article').first().waitFor();
  const { operations, components } = contract;
  const events = Object.keys(operations).filter((id) => id.startsWith('socketio.')).map((id) => id.replace('socketio.', ''));
  const ids = [...events, ...Object.keys(components.schemas).map((name) => `type.${name}`)].sort();
  assert.deepEqual((await page.locator('article').evaluateAll((all) => all.map(({ id }) => id))).sort(), ids);
  const dead = await page.locator('a[href^="#"]').evaluateAll((all) => all.map((a) => a.hash.slice(1)).filter((id) => !document.getElementById(id)));
  assert.deepEqual(dead, []);

  const send = page.locator('[id="event.send_message"]');
  assert.match(await send.innerText(), /clientMessageId[\s\S]*at most 128 characters[\s\S]*Ack[\s\S]*createdAt/);
  await send.getByText('Examples: plain WebSocket').click();
  assert.match(await send.innerText(), /"action": "send_message"/);
  assert.match(await page.locator('[id="signal.new_message"]').innerText(), /LobbyMessage[\s\S]*\bor\b[\s\S]*NewMessage/);

  await page.getByRole('searchbox').fill('reaction_');
  const shown = await page.locator('article:visible').evaluateAll((all) => all.map(({ id }) => id));
  assert.deepEqual(shown.sort(), ['signal.reaction_added', 'signal.reaction_removed']);
  for (const name of ['REST', 'asyncapi.json', 'events.d.ts']) {
    assert.equal((await fetch(await page.getByRole('link', { name, exact: true }).evaluate((a) => a.href))).status, 200, name);
  }
  assert.deepEqual(failures, []);
});
