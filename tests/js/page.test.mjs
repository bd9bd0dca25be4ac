// The web page, in two real browser windows: what two people see of each other.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { launch } from './browser.mjs';
import { URL_BASE, connect, person, token, unique } from './client.mjs';

const DEADLINE = 10_000;

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

/** A room of its own for each test. */
const newRoom = () => ({ channel: unique('canal'), group: unique('grupo') });
const named = (username) => person(username, { username });

const DESKTOP = { locale: 'es-ES', viewport: { width: 1180, height: 760 } };
const idle = [];

/** Opens a window at an address. Scripts that fail in it make the test fail. Plain windows are used again: a new one is slow. */
async function openWindow(t, address, options) {
  const page = (!options && idle.pop()) || await newWindow(options);
  const failures = [];
  const note = (error) => failures.push(error);
  page.on('pageerror', note);
  t.after(async () => {
    page.off('pageerror', note);
    if (options) await page.context().close();
    else await empty(page);
    assert.deepEqual(failures, []);
  });
  await page.goto(`${URL_BASE}/${address}`);
  return page;
}

/** A window of its own: it shares nothing with the others. */
async function newWindow(options) {
  const context = await browser.newContext({ ...DESKTOP, ...options });
  context.setDefaultTimeout(DEADLINE);
  return context.newPage();
}

async function empty(page) {
  await page.context().setOffline(false);
  if (page.url().startsWith('http')) await page.evaluate(() => sessionStorage.clear());
  await page.goto('about:blank');
  idle.push(page);
}

/** Lets somebody into a room. */
async function enter(t, who, room, options) {
  const page = await openWindow(t, `?${new URLSearchParams(room)}#token=${who.token}`, options);
  await page.locator('[data-testid=room][data-entered]').waitFor();
  return page;
}

/** Waits until the page says that this holds; `condition` runs there. */
async function eventually(page, condition, arg, what = String(condition)) {
  await page.waitForFunction(condition, arg, { timeout: DEADLINE }).catch((error) => {
    throw new Error(`${what} ${JSON.stringify(arg)}: ${error.message}`);
  });
}

async function write(page, text) {
  await page.getByTestId('message-input').fill(text);
  await page.getByTestId('send').click();
}

/** The bubble with this very text. */
const bubble = (page, text) =>
  page.getByTestId('messages').locator('.message').filter({ has: page.locator('.text').getByText(text, { exact: true }) });

const texts = (page) => page.getByTestId('messages').locator('.text').allTextContents();
const seqs = (page) => page.getByTestId('messages').locator('[data-seq]').evaluateAll((all) => all.map((one) => Number(one.dataset.seq)));
const connection = (page, state) => page.locator(`[data-testid=status][data-state=${state}]`).waitFor();
const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

/** Uses one of the tools that a bubble shows under the pointer. */
async function use(page, text, tool) {
  await bubble(page, text).hover();
  await bubble(page, text).locator(tool).click();
}

describe('the page', { timeout: 120_000 }, () => {
  test('without a token, says how to get one and lets in who has one', async (t) => {
    const ana = named('ana');
    const page = await openWindow(t, '');
    await page.getByText('cargo run -- token --user 7 --username ana').waitFor();

    await page.getByTestId('login-token').fill('nonsense');
    await page.getByTestId('login-button').click();
    await page.getByTestId('error').waitFor();

    await page.getByTestId('login-token').fill(token({ id: ana.id, secret: 'a secret that is not the one of the host' }));
    await page.getByTestId('login-button').click();
    await page.getByTestId('error').getByText(/Token/).waitFor();

    await page.getByTestId('login-token').fill(`${URL_BASE}/#token=${ana.token}`);
    await page.getByTestId('login-button').click();
    await page.getByTestId('me').getByText('ana', { exact: true }).waitFor();
    await connection(page, 'online');
  });

  test('takes the token out of the address, and keeps it for this window only', async (t) => {
    const ana = named('ana');
    const room = newRoom();
    const page = await enter(t, ana, room);
    assert.equal(new URL(page.url()).hash, '');
    assert.equal(new URL(page.url()).searchParams.get('channel'), room.channel);
    await page.reload();
    await page.locator(`[data-testid=people] [data-user-id="${ana.id}"][data-status=online]`).waitFor();

    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.getByTestId('login-token').waitFor();
    await other.close();
  });

  test('two people chat, change, delete and find their history again', async (t) => {
    const room = newRoom();
    const [ana, luis] = await Promise.all([enter(t, named('ana'), room), enter(t, named('luis'), room)]);
    await write(ana, '¿Empezamos?');
    await bubble(luis, '¿Empezamos?').waitFor();
    await write(luis, 'Voy por el café');
    await write(luis, 'y vuelvo');
    await bubble(ana, 'y vuelvo').waitFor();
    assert.deepEqual(await texts(ana), ['¿Empezamos?', 'Voy por el café', 'y vuelvo']);
    assert.deepEqual(await seqs(ana), [1, 2, 3]);

    await use(luis, 'Voy por el café', '[data-testid=edit]');
    await luis.getByTestId('message-input').fill('Voy por el té');
    await luis.getByTestId('message-input').press('Enter');
    await bubble(ana, 'Voy por el té').waitFor();

    await use(luis, 'y vuelvo', '[data-testid=erase]');
    await bubble(luis, 'y vuelvo').locator('[data-testid=erase]').click();
    await eventually(ana, () => !document.querySelector('[data-testid=messages]').textContent.includes('y vuelvo'));
    await bubble(ana, 'Mensaje borrado').waitFor();

    await bubble(ana, 'Voy por el té').hover();
    assert.equal(await bubble(ana, 'Voy por el té').locator('[data-testid=edit]').count(), 0, 'only what is one’s own can be changed');

    await ana.reload();
    await bubble(ana, 'Mensaje borrado').waitFor();
    assert.deepEqual(await texts(ana), ['¿Empezamos?', 'Voy por el té', 'Mensaje borrado']);
  });

  test('what is older comes on demand', async (t) => {
    const room = newRoom();
    const written = Array.from({ length: 60 }, (_, i) => `línea ${i + 1}`);
    const [eva, leo] = await Promise.all(['eva', 'leo'].map((name) => connect({ transport: 'plain', as: named(name) })));
    for (const client of [eva, leo]) await client.ok('join_channel', { channelId: room.channel });
    for (const [i, text] of written.entries()) await [eva, leo][i % 2].ok('send_message', { channelId: room.channel, text });

    const ana = await enter(t, named('ana'), room);
    await bubble(ana, 'línea 60').waitFor();
    assert.deepEqual(await texts(ana), written.slice(-50));
    await ana.getByTestId('earlier').click();
    await bubble(ana, 'línea 1').waitFor();
    assert.deepEqual(await texts(ana), written);
    await ana.getByTestId('earlier').waitFor({ state: 'hidden' });
  });

  test('a reply goes into the thread, and the channel counts it', async (t) => {
    const room = newRoom();
    const [ana, luis] = await Promise.all([enter(t, named('ana'), room), enter(t, named('luis'), room)]);
    await write(ana, '¿Quién trae las palomitas?');
    await bubble(luis, '¿Quién trae las palomitas?').waitFor();
    await use(luis, '¿Quién trae las palomitas?', '[data-testid=reply]');
    await luis.getByTestId('thread-input').fill('Yo');
    await luis.getByTestId('thread-send').click();
    await luis.getByTestId('thread-messages').locator('.text').getByText('Yo', { exact: true }).waitFor();

    await bubble(ana, '¿Quién trae las palomitas?').getByText('1 respuesta').click();
    await ana.getByTestId('thread-messages').locator('.text').getByText('Yo', { exact: true }).waitFor();
    assert.deepEqual(await texts(ana), ['¿Quién trae las palomitas?'], 'the channel itself stays short');

    await ana.reload();
    await bubble(ana, '¿Quién trae las palomitas?').getByText('1 respuesta').waitFor();
    assert.deepEqual(await texts(ana), ['¿Quién trae las palomitas?']);
  });

  test('shows who is there, who looks away, and who has gone', async (t) => {
    const room = newRoom();
    const luis = named('luis');
    const here = await enter(t, named('ana'), room);
    const there = await enter(t, luis, room);
    const isShown = (status) => here.locator(`[data-testid=people] [data-user-id="${luis.id}"][data-status=${status}]`).waitFor();
    const look = (hidden) => there.evaluate((hidden) => {
      Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
    await isShown('online');
    await look(true);
    await isShown('away');
    await look(false);
    await isShown('online');
    await there.goto('about:blank');
    await isShown('offline');
  });

  test('shows who is writing, until they stop', async (t) => {
    const room = newRoom();
    const [ana, luis] = await Promise.all([enter(t, named('ana'), room), enter(t, named('luis'), room)]);
    await luis.getByTestId('message-input').pressSequentially('Hola');
    await ana.getByTestId('typing').getByText('luis está escribiendo…').waitFor();
    await luis.getByTestId('message-input').press('Enter');
    await bubble(ana, 'Hola').waitFor();
    await eventually(ana, () => document.querySelector('[data-testid=typing]').textContent === '');
  });

  test('reactions are counted per emoji and taken back', async (t) => {
    const room = newRoom();
    const [ana, luis] = await Promise.all([enter(t, named('ana'), room), enter(t, named('luis'), room)]);
    await write(ana, 'Final de temporada');
    await bubble(luis, 'Final de temporada').waitFor();
    const counted = (page, count) => bubble(page, 'Final de temporada').locator(`[data-testid=reaction][data-emoji="🎉"][data-count="${count}"]`);

    await use(luis, 'Final de temporada', '[data-testid=react][data-emoji="🎉"]');
    await counted(ana, 1).click();
    await counted(luis, 2).waitFor();
    await counted(luis, 2).click();
    await counted(ana, 1).waitFor();
    await luis.reload();
    await counted(luis, 1).waitFor();
    await counted(ana, 1).click();
    await counted(luis, 1).waitFor({ state: 'detached' });
  });

  test('a group watches together: what is on, who has seen it', async (t) => {
    const room = newRoom();
    const people = [named('ana'), named('luis')];
    const [ana, luis] = await Promise.all(people.map((who) => enter(t, who, room)));
    await ana.getByTestId('series-id').fill('dark');
    await ana.getByTestId('episode-id').fill('1x01');
    await ana.getByTestId('watch-now').click();
    await luis.getByTestId('now-title').getByText('dark · 1x01').waitFor();
    await luis.getByTestId('activity').getByText('ana ha puesto dark · 1x01').waitFor();
    await luis.getByTestId('play').click();
    await ana.locator('[data-testid=now][data-playing=false]').waitFor();
    await ana.getByTestId('activity').getByText('luis ha pausado dark · 1x01').waitFor();

    const late = await enter(t, named('eva'), room);
    await late.locator('[data-testid=now][data-playing=false]').getByText('dark · 1x01').waitFor();

    await ana.getByTestId('watch').click();
    const seen = luis.locator('[data-testid=watched] [data-series-id=dark][data-episode-id="1x01"]');
    await seen.locator(`[data-user-id="${people[0].id}"]`).waitFor();
    await luis.getByTestId('activity').getByText('ana ha visto dark · 1x01').waitFor();
    await luis.reload();
    await seen.getByText('ana').waitFor();
  });

  test('back from offline, has what was missed, once and in order', async (t) => {
    const room = newRoom();
    const [ana, luis] = await Promise.all([enter(t, named('ana'), room), enter(t, named('luis'), room)]);
    await write(ana, 'antes');
    await bubble(luis, 'antes').waitFor();

    await luis.context().setOffline(true);
    await connection(luis, 'offline');
    for (const text of ['uno', 'dos', 'tres']) await write(ana, text);
    await use(ana, 'antes', '[data-testid=react][data-emoji="👍"]');
    await bubble(ana, 'antes').getByTestId('reaction').waitFor();
    assert.deepEqual(await texts(luis), ['antes']);

    await luis.context().setOffline(false);
    await connection(luis, 'online');
    await bubble(luis, 'antes').locator('[data-testid=reaction][data-count="1"]').waitFor();
    await write(ana, 'después');
    await bubble(luis, 'después').waitFor();
    assert.deepEqual(await texts(luis), ['antes', 'uno', 'dos', 'tres', 'después']);
    assert.deepEqual(await seqs(luis), await seqs(ana));
  });

  test('what is written offline is sent once, on the way back', async (t) => {
    const room = newRoom();
    const [ana, luis] = await Promise.all([enter(t, named('ana'), room), enter(t, named('luis'), room)]);
    await luis.context().setOffline(true);
    await connection(luis, 'offline');
    await write(luis, 'sin red');
    await write(luis, 'todavía sin red');
    await luis.getByTestId('pending').getByText('todavía sin red').waitFor();
    assert.deepEqual(await texts(luis), []);

    await luis.context().setOffline(false);
    for (const page of [ana, luis]) {
      await bubble(page, 'todavía sin red').waitFor();
      assert.deepEqual(await texts(page), ['sin red', 'todavía sin red']);
    }
    await eventually(luis, () => document.querySelector('[data-testid=pending]').children.length === 0);
  });

  test('takes a channel’s entries in any order, and each of them once', async (t) => {
    const page = await openWindow(t, '');
    const { applied, asked, startedOver } = await page.evaluate(async () => {
      const { ChannelLog } = await import('./log.js');
      const entry = (seq, event = 'new_message') => ({ seq, event, data: {} });
      const server = [1, 2, 3, 4, 5, 6].map((seq) => entry(seq));
      const [applied, asked] = [[], []];
      let startedOver = 0;
      const log = new ChannelLog({
        apply: ({ seq, event }) => applied.push(`${seq} ${event}`),
        async replay(seq) {
          asked.push(seq);
          return { events: server.slice(seq, seq + 2), hasMore: seq + 2 < server.length, reset: seq > server.length };
        },
        restart() {
          startedOver++;
          log.startAt(4);
          return log.catchUp();
        },
      });
      log.receive(entry(3)); // before anything is known
      log.receive(entry(1));
      log.startAt(2); // history knows two
      log.receive(entry(3));
      log.receive(entry(6)); // two are missing, and this one comes again with the replay
      log.receive(entry(6, 'thread_updated')); // a summary under the same number
      await log.catchUp();
      log.receive(entry(4));
      log.receive(entry(7, 'message_edited'));
      await log.catchUp();
      return { applied, asked, startedOver };
    });
    const said = (seq) => `${seq} new_message`;
    assert.deepEqual(applied, [said(3), said(4), said(5), said(6), '7 message_edited', said(5), said(6)]);
    assert.deepEqual(asked, [3, 6, 7, 4]);
    assert.equal(startedOver, 1, 'a log that is shorter than what we know is another log');
  });

  test('what is said in the lobby does not pass for the channel’s', async (t) => {
    const room = newRoom();
    const page = await enter(t, named('ana'), room);
    const liar = await connect({ transport: 'plain', as: named('leo') });
    await liar.ok('event_message', { channelId: room.channel, seq: 1, message: 'mentira' });
    await liar.ok('join_channel', { channelId: room.channel });
    await liar.ok('send_message', { channelId: room.channel, text: 'verdad' });
    await bubble(page, 'verdad').waitFor();
    assert.deepEqual(await texts(page), ['verdad']);
  });

  test('whatever people write is text', async (t) => {
    const room = newRoom();
    const nasty = '<img src=x onerror="window.caught=1"><b>negrita</b>';
    const [ana, luis] = await Promise.all([enter(t, named('<i>ana</i>'), room), enter(t, named('luis'), room)]);
    await write(ana, nasty);
    await bubble(luis, nasty).waitFor();
    await ana.getByTestId('series-id').fill(nasty);
    await ana.getByTestId('episode-id').fill('1');
    await ana.getByTestId('watch').click();
    await luis.getByTestId('watched').getByText(nasty).waitFor();
    await luis.getByTestId('people').getByText('<i>ana</i>').waitFor();
    assert.equal(await luis.evaluate(() => window.caught ?? document.querySelectorAll('img, b:not(.author), i').length), 0);
  });

  test('on a phone everything is in reach and nothing sticks out', async (t) => {
    const room = newRoom();
    const page = await enter(t, named('ana'), room, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    await write(page, 'palabra'.repeat(60));
    await bubble(page, 'palabra'.repeat(60)).getByTestId('more').tap();
    await page.getByTestId('react').first().waitFor();
    assert.ok(await fits(page), 'the chat is not wider than the screen');
    await page.getByTestId('tab-series').tap();
    await page.getByTestId('series-id').fill('s'.repeat(90));
    await page.getByTestId('episode-id').fill('1');
    await page.getByTestId('watch-now').tap();
    await page.getByTestId('now-title').waitFor();
    await page.getByTestId('watch').tap();
    await page.getByTestId('watched').locator('li').waitFor();
    assert.ok(await fits(page), 'the series are not wider than the screen');
  });

  test('can be used from the keyboard alone', async (t) => {
    const page = await enter(t, named('ana'), newRoom());
    await page.getByTestId('message-input').focus();
    await page.keyboard.type('sin ratón');
    await page.keyboard.press('Enter');
    await bubble(page, 'sin ratón').getByTestId('more').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await bubble(page, 'sin ratón').locator('[data-testid=reaction][data-emoji="❤️"]').waitFor();
  });

  test('speaks English where the browser does', async (t) => {
    const page = await openWindow(t, '', { locale: 'en-GB' });
    await page.getByRole('button', { name: 'Enter', exact: true }).waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  });
});
