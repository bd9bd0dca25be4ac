/** How messages look: a list of bubbles with their reactions, and the tools for one of them. */
import { avatar, el, hue, say, show } from './dom.js';
import { moment, words } from './i18n.js';

const EMOJI = ['👍', '❤️', '😂', '😮', '😢', '🎉'];
const TOGETHER_MS = 5 * 60_000;

/**
 * Makes `list` show messages. `act` has what a person can do with one: `react(message, emoji, on)`, `edit(message)`,
 * `erase(message)`, `reply(message)`; an action that is left out is not offered. Returns the function that draws.
 */
export function bubbles(list, { me, nameOf, repliesOf = () => undefined, act }) {
  let shown = new Map();
  const messageOf = (element) => shown.get(element.closest('.message').dataset.messageId);
  list.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-action]');
    if (button) actions[button.dataset.action](messageOf(button), button);
  });
  list.addEventListener('keydown', (event) => moveInTools(event));
  list.addEventListener('focusout', (event) => {
    if (event.target.dataset.action === 'erase') calm(event.target);
    const message = event.target.closest('.message');
    if (!message.contains(event.relatedTarget)) open(message, false);
  });

  const actions = {
    more: (_, button) => open(button.closest('.message'), button.ariaExpanded !== 'true'),
    react(message, button) {
      const { emoji } = button.dataset;
      act.react(message, emoji, !message.reactions.get(emoji)?.has(me.id));
      open(button.closest('.message'), false);
    },
    edit: (message) => act.edit(message),
    reply: (message) => act.reply(message),
    erase(message, button) {
      if (button.dataset.sure) return act.erase(message);
      button.dataset.sure = 'yes';
      say(button, words.eraseSure);
    },
  };

  function create({ message }) {
    const mine = message.authorId === me.id;
    const tool = (action, label, extra = {}) =>
      el('button', { type: 'button', tabIndex: -1, ...extra, dataset: { action, ...extra.dataset } }, label);
    const tools = el('div', { className: 'tools', role: 'toolbar' });
    for (const emoji of EMOJI) {
      tools.append(tool('react', emoji, { ariaLabel: words.react(emoji), dataset: { testid: 'react', emoji } }));
    }
    if (act.reply) tools.append(tool('reply', words.reply, { dataset: { testid: 'reply' } }));
    if (mine) {
      tools.append(tool('edit', words.edit, { dataset: { testid: 'edit' } }));
      tools.append(tool('erase', words.erase, { dataset: { testid: 'erase' } }));
    }
    const more = tool('more', '⋯', { className: 'more', tabIndex: 0, ariaExpanded: 'false', dataset: { testid: 'more' } });
    return el(
      'li',
      { className: mine ? 'message mine' : 'message', dataset: { messageId: message.id, seq: message.seq } },
      avatar({ id: message.authorId, username: nameOf(message.authorId) }),
      el(
        'div',
        { className: 'bubble' },
        el('p', { className: 'by' }, el('b', { className: 'author' }), el('time'), el('span', { className: 'edited' })),
        el('p', { className: 'text' }),
        el('div', { className: 'reactions' }),
        el('button', { type: 'button', className: 'replies', hidden: true, dataset: { action: 'reply', testid: 'replies' } }),
      ),
      more,
      tools,
    );
  }

  function paint(element, { message, follows }) {
    const find = (selector) => element.querySelector(selector);
    const name = nameOf(message.authorId);
    const { short, long } = moment(message.createdAt);
    const gone = Boolean(message.deletedAt);
    element.classList.toggle('follows', follows);
    element.classList.toggle('gone', gone);
    element.style.setProperty('--hue', hue(message.authorId));
    say(find('.author'), name);
    say(find('time'), short);
    Object.assign(find('time'), { dateTime: message.createdAt ?? '', title: long });
    say(find('.edited'), message.editedAt && !gone ? words.edited : '');
    say(find('.text'), gone ? words.deleted : message.text);
    find('.more').ariaLabel = words.actions(name);
    find('.more').hidden = find('.tools').hidden = gone;
    paintReactions(find('.reactions'), message);
    const count = repliesOf(message);
    find('.replies').hidden = count === undefined || gone;
    say(find('.replies'), words.replies(count ?? 0));
  }

  function paintReactions(row, { reactions }) {
    const chips = [...reactions].filter(([, users]) => users.size > 0);
    show(row, chips, {
      key: ([emoji]) => emoji,
      create: ([emoji]) =>
        el('button', { type: 'button', className: 'chip', dataset: { action: 'react', testid: 'reaction', emoji } },
          el('span', {}, emoji), el('span', { className: 'count' })),
      paint(chip, [, users]) {
        const count = String(users.size);
        if (chip.dataset.count !== count) chip.dataset.count = count;
        say(chip.querySelector('.count'), count);
        chip.ariaPressed = String(users.has(me.id));
        chip.title = [...users].map(nameOf).join(', ');
      },
    });
  }

  return function draw(messages) {
    shown = new Map(messages.map((message) => [message.id, message]));
    const items = messages.map((message, i) => ({ message, follows: together(messages[i - 1], message) }));
    show(list, items, { key: ({ message }) => message.id, create, paint });
  };
}

/** Whether two messages are one person's turn: then the second needs no name of its own. */
const together = (first, second) =>
  first?.authorId === second.authorId && Date.parse(second.createdAt) - Date.parse(first.createdAt) < TOGETHER_MS;

function open(message, wanted) {
  const more = message.querySelector('.more');
  const buttons = [...message.querySelectorAll('.tools button')];
  more.ariaExpanded = String(wanted);
  message.classList.toggle('open', wanted);
  for (const button of buttons) button.tabIndex = wanted ? 0 : -1;
  if (wanted) buttons[0].focus();
}

function calm(button) {
  delete button.dataset.sure;
  say(button, words.erase);
}

/** Arrows walk along the tools, Escape leaves them. */
function moveInTools(event) {
  const tools = event.target.closest('.tools');
  if (!tools) return;
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step) {
    const buttons = [...tools.children];
    buttons[(buttons.indexOf(event.target) + step + buttons.length) % buttons.length].focus();
    event.preventDefault();
  } else if (event.key === 'Escape') {
    const message = tools.closest('.message');
    message.querySelector('.more').focus();
    open(message, false);
  }
}

/** Makes `list` show messages that are still on their way. */
export function pendingBubbles(list) {
  return (messages) =>
    show(list, messages, {
      key: ({ clientMessageId }) => clientMessageId,
      create: ({ text }) =>
        el('li', { className: 'message mine' },
          el('div', { className: 'bubble' }, el('p', { className: 'text' }, text), el('p', { className: 'by' }, words.waiting))),
      paint() {},
    });
}
