// The recipes of docs/recipes that are JavaScript: the very files, as their readers would run them.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { launch } from './browser.mjs';
import { URL_BASE, connect, person, token, unique, within } from './client.mjs';
import { makeChannel } from './helpers.mjs';
import { Network } from './network.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const recipe = (name) => here(`../../docs/recipes/${name}`);
const { dependencies } = JSON.parse(await readFile(here('package.json'), 'utf8'));
const VERSION = dependencies['socket.io-client'];

/** Somebody else in the channel, by another transport. */
async function other(channelId) {
  const luis = await connect({ transport: 'plain', as: person('luis', { username: 'luis' }) });
  await luis.ok('join_channel', { channelId });
  return luis;
}

test('the recipes name the version that is tested', async () => {
  for (const name of ['README.md', 'browser.html', 'react-native.mjs']) {
    const named = (await readFile(recipe(name), 'utf8')).match(/(?<=socket\.io-client[@ ])\d+\.\d+\.\d+/g);
    assert.ok(named?.every((version) => version === VERSION), `${name}: ${named}`);
  }
});

describe('the page', () => {
  // An origin that FRONTEND_URL names by default.
  const ORIGIN = 'http://localhost:3000';
  let browser;
  before(async () => { browser = await launch(); });
  after(() => browser.close());

  /** Opens the recipe, served as its first lines say; what it loads from elsewhere comes from the package. */
  async function open(query, jwt) {
    // A page that comes from no real server counts as one from afar, which has to ask before it talks to this machine.
    const context = await browser.newContext({ permissions: ['local-network-access'] });
    const page = await context.newPage();
    const failures = [];
    page.on('pageerror', (error) => failures.push(error));
    await page.route((url) => url.origin === ORIGIN, (route) => route.fulfill({ path: recipe('browser.html') }));
    await page.route('https://cdn.jsdelivr.net/**', (route) => {
      const [, version, path] = new URL(route.request().url()).pathname.match(/^\/npm\/socket\.io-client@([\d.]+)\/(.+)$/);
      assert.equal(version, VERSION);
      const headers = { 'access-control-allow-origin': '*' };
      return route.fulfill({ path: here(`node_modules/socket.io-client/${path}`), contentType: 'text/javascript', headers });
    });
    await page.goto(`${ORIGIN}/browser.html?${new URLSearchParams({ host: URL_BASE, ...query })}#token=${jwt}`);
    return { page, status: (text) => page.getByRole('status').getByText(text).waitFor(), failures };
  }

  test('shows what was said and is said, and says something itself', async () => {
    const channelId = unique('canal');
    const luis = await other(channelId);
    await luis.ok('send_message', { channelId, text: '<b>antes</b>' });
    const { page, status, failures } = await open({ channel: channelId }, person('ana', { username: 'ana' }).token);
    await status(`in ${channelId}`);

    await page.getByLabel('Message').fill('hola');
    await page.getByRole('button').click();
    const said = await luis.next('new_message', ({ author }) => author.username === 'ana');
    assert.equal(said.message.content.text, 'hola');
    // An entry that is no message, and one that follows it.
    await luis.ok('add_reaction', { channelId, messageId: said.message.id, emoji: '🎉' });
    await luis.ok('send_message', { channelId, text: 'después' });
    await page.getByRole('listitem').nth(2).waitFor();
    assert.deepEqual(await page.getByRole('listitem').allTextContents(), ['luis: <b>antes</b>', 'ana: hola', 'luis: después']);
    assert.deepEqual(await page.getByRole('listitem').evaluateAll((all) => all.map((item) => item.value)), [1, 2, 4]);
    assert.equal(await page.getByLabel('Message').inputValue(), '', 'what was sent is gone from the form');

    await page.getByLabel('Message').fill('x'.repeat(4001));
    await page.getByRole('button').click();
    await status(/^INVALID_REQUEST: /);
    assert.deepEqual(failures, []);
  });

  test('says why it was refused', async () => {
    const { status, failures } = await open({}, token({ id: 'ana', secret: 'a secret that is not the one of the host' }));
    // Chromium asks for English.
    await status('refused: Invalid token');
    assert.deepEqual(failures, []);
  });
});

describe('React Native', () => {
  let folder, Chat;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recipes-'));
    await copyFile(recipe('react-native.mjs'), join(folder, 'react-native.mjs'));
    await symlink(here('node_modules'), join(folder, 'node_modules'));
    ({ Chat } = await import(pathToFileURL(join(folder, 'react-native.mjs'))));
  });
  after(() => rm(folder, { recursive: true }));

  /** The recipe's client on a network of its own, in a channel; what it tells is in `entries`. */
  async function follow(t, { channelId = unique('canal'), ana = person('ana'), network = new Network(), lastSeq } = {}) {
    await network.mend();
    const waiting = new Set();
    const told = () => waiting.forEach((look) => look());
    const state = { channelId, network, entries: [], resets: 0, errors: [], refusals: [] };
    const noted = (list) => (error) => { list.push(error); told(); };
    const chat = new Chat({
      url: network.url, token: () => ana.token, onRefused: noted(state.refusals),
      // React Native on Android sends an origin, its host's own.
      options: { reconnectionDelay: 20, reconnectionDelayMax: 50, extraHeaders: { Origin: URL_BASE } },
    });
    const channel = chat.channel(channelId, {
      lastSeq, onEntry: noted(state.entries), onReset: () => { state.resets++; state.entries.length = 0; told(); }, onError: noted(state.errors),
    });
    t.after(() => { chat.close(); network.cut(); });
    const until = (holds, what) => within(new Promise((resolve) => {
      const look = () => holds(state) && (waiting.delete(look), resolve());
      waiting.add(look);
      look();
    }), what ?? String(holds));
    return { ...state, state, chat, channel, ana, until };
  }

  const seqs = (entries) => entries.map(({ seq }) => seq);
  const upTo = (last) => Array.from({ length: last }, (_, i) => i + 1);
  const texts = (entries) => entries.filter(({ event }) => event === 'new_message').map(({ data }) => data.message.content.text);

  test('has all that was missed, once and in order, over several pages', async (t) => {
    const { channelId, network, entries, channel, until } = await follow(t);
    const luis = await other(channelId);
    const { messageId } = await luis.ok('send_message', { channelId, text: 'antes' });
    await until(() => entries.length === 1);

    network.cut();
    await luis.ok('edit_message', { channelId, messageId, text: 'antes!' });
    for (let i = 0; i < 230; i++) await luis.ok('send_message', { channelId, text: `perdido ${i}` });
    await network.mend();
    await until(() => entries.length === 232);

    network.cut();
    const later = channel.send('desde el túnel');
    await network.mend();
    const { seq } = await within(later, 'sent when back');
    await luis.ok('add_reaction', { channelId, messageId, emoji: '👍' });
    await until(() => entries.length === seq + 1);
    assert.deepEqual(seqs(entries), upTo(234));
    assert.deepEqual(texts(entries), ['antes', ...upTo(230).map((i) => `perdido ${i - 1}`), 'desde el túnel']);
  });

  test('what may have arrived is sent again, and stored once', async (t) => {
    const { channelId, network, entries, channel, until } = await follow(t);
    const luis = await other(channelId);
    await channel.send('primero');
    network.deafen();
    const sending = channel.send('¿llegó?');
    const heard = await luis.next('new_message', ({ message }) => message.content.text === '¿llegó?');
    network.cut();
    await network.mend();
    const ack = await within(sending, 'an ack');
    assert.deepEqual([ack.messageId, ack.seq], [heard.message.id, heard.seq], 'the same message');
    const { seq } = await channel.send('tercero');
    await until(() => entries.length === 3);
    assert.deepEqual([seq, texts(entries)], [3, ['primero', '¿llegó?', 'tercero']]);
  });

  test('a reply in a thread that it does not follow comes, too', async (t) => {
    const { channelId, entries, until } = await follow(t);
    const luis = await other(channelId);
    const { messageId } = await luis.ok('send_message', { channelId, text: 'raíz' });
    const { threadId } = await luis.ok('create_thread', { channelId, messageId });
    await luis.ok('send_message', { channelId, threadId, text: 'respuesta' });
    await until(() => entries.length === 3);
    assert.deepEqual([seqs(entries), texts(entries)], [upTo(3), ['raíz', 'respuesta']]);
  });

  test('what is broadcast while it asks comes once', async (t) => {
    const { channelId, entries, until, channel, chat } = await follow(t);
    const luis = await other(channelId);
    await luis.ok('send_message', { channelId, text: 'uno' });
    await until(() => entries.length === 1);
    const { request } = chat;
    chat.request = async (event, data) => {
      const ack = await request.call(chat, event, data);
      if (event === 'sync_request') for (const entry of ack.channels[0].events) channel.heard(entry.event, entry.data);
      return ack;
    };
    chat.socket.offAny().removeAllListeners('new_message');
    for (const text of ['dos', 'tres']) await luis.ok('send_message', { channelId, text });
    chat.wake();
    await until(() => entries.length >= 3);
    await channel.send('fin');
    chat.wake();
    await until(() => entries.length >= 4);
    assert.deepEqual(seqs(entries), upTo(4));
  });

  test('starts from where it was, and anew when the log is another one', async (t) => {
    const channelId = unique('canal');
    const luis = await other(channelId);
    for (const text of ['uno', 'dos', 'tres']) await luis.ok('send_message', { channelId, text });
    const known = await follow(t, { channelId, lastSeq: 2 });
    await known.until(() => known.entries.length === 1);
    assert.deepEqual(texts(known.entries), ['tres']);
    const beyond = await follow(t, { channelId, lastSeq: 99 });
    await beyond.until(() => beyond.entries.length === 3);
    assert.deepEqual([beyond.state.resets, texts(beyond.entries)], [1, ['uno', 'dos', 'tres']]);
  });

  test('a refused token is told, and a new one is taken', async (t) => {
    const ana = person('ana');
    const good = ana.token;
    ana.token = token({ id: ana.id, exp: Math.floor(Date.now() / 1000) - 60 });
    const { refusals, chat, channel, until } = await follow(t, { ana });
    await until(() => refusals.length === 1);
    assert.equal(refusals[0].message, 'Token expirado');
    ana.token = good;
    const sending = channel.send('por fin');
    chat.wake();
    assert.equal((await within(sending, 'an ack')).seq, 1);
  });

  test('what is refused for good is told with its code', async (t) => {
    const { channel } = await follow(t);
    await assert.rejects(channel.send('x'.repeat(4001)), { code: 'INVALID_REQUEST' });
    assert.equal((await channel.send('bien')).seq, 1);

    const outside = await follow(t, { channelId: await makeChannel(person('eva')) });
    await outside.until(() => outside.errors.length === 1);
    assert.equal(outside.errors[0].code, 'FORBIDDEN');
  });
});
