/** The line where one writes: a new message, or another text for an old one. */
import { part } from './dom.js';

const TYPING_AGAIN_MS = 3000;
const TYPING_PAUSE_MS = 4000;

/**
 * `send(text)` takes a new message; `edit(id, text)` resolves once an old one is changed, and `failed(error)` hears why it
 * is not; `typing(active)` is told when somebody starts and stops.
 */
export function composer(form, { send, edit, failed, typing = () => {} }) {
  const input = form.querySelector('textarea');
  const mode = part('mode', form);
  const tell = typist(typing);
  let editing = null;

  const leave = () => {
    editing = null;
    mode.hidden = true;
    input.value = '';
  };

  async function submit() {
    const text = input.value.trim();
    if (!text) return;
    tell(false);
    if (!editing) {
      input.value = '';
      return send(text);
    }
    await edit(editing, text).then(leave, failed);
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  input.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      submit();
    }
    if (event.key === 'Escape' && editing) leave();
  });
  input.addEventListener('input', () => tell(!editing && input.value.trim() !== ''));
  input.addEventListener('blur', () => tell(false));
  part('mode-cancel', form).addEventListener('click', () => {
    leave();
    input.focus();
  });

  return {
    focus: () => input.focus(),
    clear: leave,
    /** Takes an old message's text to change it. */
    edit({ id, text }) {
      editing = id;
      mode.hidden = false;
      input.value = text;
      input.focus();
    },
    /** Gives a text back that could not be sent, unless another one has been begun. */
    giveBack(text) {
      if (!input.value && !editing) input.value = text;
    },
  };
}

/** Turns keystrokes into starts, repeated while they go on, and one stop. */
function typist(typing) {
  let since = 0;
  let stop;
  return function tell(active) {
    clearTimeout(stop);
    if (!active) {
      if (since) typing(false);
      since = 0;
      return;
    }
    stop = setTimeout(() => tell(false), TYPING_PAUSE_MS);
    if (Date.now() - since < TYPING_AGAIN_MS) return;
    since = Date.now();
    typing(true);
  };
}
