/** Who is in the channel, and whether they are there. */
import { avatar, coalesce, el, part, say, show } from './dom.js';
import { words } from './i18n.js';

const ORDER = ['online', 'away', 'offline'];

export function startPeople({ connection, get, channelId, me }) {
  const list = part('people');
  const members = new Map();
  const names = new Map([[me.id, me.username]]);

  const nameOf = (id) => names.get(id) ?? id;
  const meet = (id, username) => username && names.set(String(id), username);

  const draw = coalesce(() => {
    const sorted = [...members].filter(([, status]) => status).sort(([a, x], [b, y]) =>
      ORDER.indexOf(x) - ORDER.indexOf(y) || nameOf(a).localeCompare(nameOf(b)));
    show(list, sorted, { key: ([id]) => id, create, paint });
  });

  function create([id]) {
    return el('li', { dataset: { userId: id } },
      avatar({ id, username: nameOf(id) }), el('span', { className: 'name' }), el('span', { className: 'presence' }));
  }

  function paint(element, [id, status]) {
    element.dataset.status = status;
    say(element.querySelector('.name'), id === me.id ? `${nameOf(id)} (${words.you})` : nameOf(id));
    say(element.querySelector('.presence'), words.status[status] ?? status);
  }

  let meanwhile = new Map();
  function become(id, status) {
    members.set(String(id), status);
    meanwhile.set(String(id), status);
    draw();
  }

  const ofHere = (listener) => (data) => String(data.channelId) === channelId && listener(data);
  connection
    .on('user_presence', ({ userId, status }) => members.has(String(userId)) && become(userId, status))
    .on('user_joined_channel', ofHere(({ userId, username }) => {
      meet(userId, username);
      become(userId, 'online');
    }))
    .on('user_left_channel', ofHere(({ userId }) => {
      become(userId, undefined);
    }));

  // A window that nobody looks at is somebody who is away; the server puts a person's windows together.
  const present = () => {
    const status = document.hidden ? 'away' : 'online';
    connection.request('set_presence', { status }).then(() => become(me.id, status), () => {});
  };
  document.addEventListener('visibilitychange', present);

  async function enter() {
    meanwhile = new Map(); // what we hear while the list is on its way is newer than the list
    const found = await get(`channels/${encodeURIComponent(channelId)}/members`);
    members.clear();
    for (const { userId, username, status } of found.members) {
      meet(userId, username);
      members.set(String(userId), status);
    }
    for (const [id, status] of meanwhile) members.set(id, status);
    draw();
    present();
  }

  return { enter, nameOf, meet };
}
