/** The page: a door for who has no token, a room for who has one. */
import { startChat } from './chat.js';
import { Connection, reader } from './connection.js';
import { avatar, part, say } from './dom.js';
import { explain, translate, words } from './i18n.js';
import { startPeople } from './people.js';
import { startSeries } from './series.js';
import { forgetToken, keepToken, roomsInAddress, socketUrl, takeToken, tokenIn } from './session.js';

const ERROR_MS = 10_000;

let hide;
function complain(text) {
  clearTimeout(hide);
  part('error').hidden = !text;
  say(part('error-text'), text);
  if (text) hide = setTimeout(() => complain(''), ERROR_MS);
}
const failed = (error) => {
  if (!error.code) console.error(error);
  complain(explain(error));
};

// ---- the door
function showDoor() {
  part('login').hidden = false;
  part('room').hidden = part('menu').hidden = part('status').hidden = true;
  part('login-token').focus();
}

part('login').addEventListener('submit', (event) => {
  event.preventDefault();
  const token = tokenIn(part('login-token').value);
  if (!token) return complain(words.tokenMissing);
  keepToken(token);
  location.reload();
});

// ---- the room
function showRoom({ channelId, groupId }) {
  part('room').hidden = false;
  say(part('channel-name'), channelId);
  part('channel-id').value = channelId;
  part('group-id').value = groupId;
  part('second-window').href = `./${location.search}`;
  document.title = `${channelId} · Tertulia`;
}

function greet(me) {
  part('menu').hidden = false;
  part('avatar').replaceChildren(avatar(me));
  say(part('me'), me.username);
  part('me').dataset.userId = me.id;
}

function start(token) {
  const rooms = roomsInAddress();
  const connection = new Connection(socketUrl(token));
  const get = reader(token);
  let room;
  showRoom(rooms);

  /** What the room's parts need of each other: opened once, entered after every connection. */
  function openRoom(me) {
    greet(me);
    const common = { connection, get, ...rooms, me, failed };
    const people = startPeople(common);
    return [startChat({ ...common, people }), people, startSeries({ ...common, people })];
  }

  // Cut off while entering: the next connection enters again.
  const notice = (error) => error.code !== 'OFFLINE' && failed(error);
  connection.on('connected', async ({ user }) => {
    room ??= openRoom({ id: String(user.id), username: user.username });
    for (const { enter } of room) await enter().catch(notice);
    part('room').dataset.entered = 'yes';
  });

  connection.on('error', ({ errorCode, message, details }) => failed({ code: errorCode, message, details }));
  connection.onState(async ({ state, unwelcome }) => {
    part('status').dataset.state = state;
    say(part('status'), words[state]);
    if (state === 'online') refusals = 0;
    if (unwelcome) await whyNot();
  });

  /** A browser does not say why a socket was refused; the same token over HTTP does. */
  let refusals = 0;
  async function whyNot() {
    const error = await get('channels?limit=1').then(() => null, (error) => error);
    if (error === null && ++refusals > 1) complain(words.errors.REFUSED);
    if (error?.code !== 'UNAUTHORIZED') return; // nobody answers: the connection will try again
    leaving.abort();
    connection.close();
    forgetToken();
    showDoor();
    failed(error);
  }

  const leaving = new AbortController();
  const until = { signal: leaving.signal };
  addEventListener('online', () => connection.open(), until);
  addEventListener('offline', () => connection.restart(), until);
  addEventListener('pagehide', () => connection.close(), until);
  addEventListener('pageshow', ({ persisted }) => persisted && connection.open(), until);
  connection.open();
}

part('logout').addEventListener('click', () => {
  forgetToken();
  location.reload();
});
part('error-close').addEventListener('click', () => complain(''));
for (const tab of part('room').querySelectorAll('.tabs button')) {
  tab.addEventListener('click', () => {
    part('room').dataset.tab = tab.dataset.tab;
    for (const other of tab.parentElement.children) other.ariaPressed = String(other === tab);
  });
}
document.addEventListener('click', ({ target }) => {
  if (!part('menu').contains(target)) part('menu').open = false;
});
document.addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') part('menu').open = false;
});
addEventListener('hashchange', () => tokenIn(location.hash) && location.reload());

translate();
const token = takeToken();
if (token) start(token);
else showDoor();
