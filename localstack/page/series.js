/** Watching a series together: what is on now, who has seen what, and what the group is up to. */
import { coalesce, el, hue, part, say, show } from './dom.js';
import { moment, words } from './i18n.js';
import { Playback, asClock } from './playback.js';

const KEPT = 40;
const TICK_MS = 250;
// Types of `group-activity`: three that people see, and two by which a newcomer learns what is on.
const PLAYS = { 'now-watching': true, play: true, pause: false };
const ASK = 'playback-query';
const TELL = 'playback-state';

const titleOf = ({ seriesId, episodeId }) => `${seriesId} · ${episodeId}`;

export function startSeries({ connection, get, groupId, me, people, failed }) {
  const playback = new Playback();
  const seen = new Map();
  const happened = [];
  let count = 0;

  const request = (action, data) => connection.request(action, { groupId, ...data });
  const active = (type, data) => request('group-activity', { type, data }).catch(failed);
  const on = (event, listener) =>
    connection.on(event, (data) => {
      if (String(data.groupId) !== groupId) return;
      people.meet(data.userId, data.username);
      listener(data);
      draw();
    });

  // ---- what happens
  on('user-joined-group', (data) => note('joined', data));
  on('user-left-group', (data) => note('left', data));
  on('episode-watched', (data) => {
    sawEpisode(data);
    note('watched', data, titleOf(data));
  });
  on('group-activity', ({ type, data, ...by }) => {
    if (type === ASK) return playback.isToldBy(me.id) && connection.tell('group-activity', { groupId, type: TELL, data: playback.told() });
    if (type === TELL) return playback.take(String(by.userId), data, data?.playing === true);
    if (!(type in PLAYS)) return note('other', by, [type, data && JSON.stringify(data)].filter(Boolean).join(' ').slice(0, 200));
    playback.take(String(by.userId), data, PLAYS[type]);
    note(type, by, playback.now ? titleOf(playback.now) : '');
  });
  connection.onState(({ state }) => state === 'offline' && playback.doubt());

  function note(type, { userId, username, timestamp }, what) {
    happened.unshift({ key: ++count, type, userId, timestamp, text: words.did[type](username ?? userId, what) });
    happened.length = Math.min(happened.length, KEPT);
  }

  function sawEpisode({ userId, seriesId, episodeId }) {
    const key = JSON.stringify([String(seriesId), String(episodeId)]);
    if (!seen.has(key)) seen.set(key, { key, seriesId, episodeId, users: new Set() });
    seen.get(key).users.add(String(userId));
  }

  // ---- what one sees
  const draw = coalesce(() => {
    drawNow();
    const episodes = [...seen.values()].sort((a, b) => titleOf(a).localeCompare(titleOf(b), undefined, { numeric: true }));
    part('no-progress').hidden = episodes.length > 0;
    show(part('watched'), episodes, { key: ({ key }) => key, create: episodeItem, paint: paintEpisode });
    show(part('activity'), happened, { key: ({ key }) => key, create: activityItem, paint() {} });
  });

  function episodeItem({ seriesId, episodeId }) {
    return el('li', { dataset: { seriesId, episodeId } },
      el('span', { className: 'title' }, titleOf({ seriesId, episodeId })), el('span', { className: 'seen' }));
  }

  function paintEpisode(item, { users }) {
    show(item.querySelector('.seen'), [...users], {
      key: (id) => id,
      create(id) {
        const name = el('span', { className: 'who', dataset: { userId: id } });
        name.style.setProperty('--hue', hue(id));
        return name;
      },
      paint: (name, id) => say(name, people.nameOf(id)),
    });
  }

  function activityItem({ type, userId, timestamp, text }) {
    const { short, long } = moment(timestamp);
    return el('li', { dataset: { type, userId } }, el('span', {}, text), el('time', { dateTime: timestamp ?? '', title: long }, short));
  }

  let ticking;
  function drawNow() {
    const { now } = playback;
    part('now').hidden = !now;
    clearInterval(ticking);
    if (!now) return;
    const tick = () => say(part('clock'), asClock(playback.position));
    tick();
    if (now.playing) ticking = setInterval(tick, TICK_MS);
    part('now').dataset.playing = now.playing;
    say(part('now-title'), titleOf(now));
    say(part('now-by'), (now.playing ? words.running : words.paused)(people.nameOf(now.by)));
    part('play').ariaLabel = now.playing ? words.pause : words.play;
  }

  // ---- what one can do
  part('play').addEventListener('click', () => active(playback.now.playing ? 'pause' : 'play', playback.told()));
  part('episode').addEventListener('submit', (event) => {
    event.preventDefault();
    const episode = { seriesId: part('series-id').value.trim(), episodeId: part('episode-id').value.trim() };
    if (event.submitter?.value === 'now') active('now-watching', { ...episode, position: 0 });
    else request('watch-episode', episode).catch(failed);
  });

  return {
    async enter() {
      await request('join-group', {});
      const { progress } = await get(`groups/${encodeURIComponent(groupId)}/progress`);
      for (const entry of progress) {
        people.meet(entry.userId, entry.username);
        sawEpisode(entry);
      }
      draw();
      connection.tell('group-activity', { groupId, type: ASK });
    },
  };
}
