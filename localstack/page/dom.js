/** The few things this page needs of the DOM. Text only ever enters it as text. */

/** The element of a stable name; those names are also what tests hold on to. */
export const part = (name, within = document) => within.querySelector(`[data-testid="${name}"]`);

/** Makes an element: `el('button', { type: 'button', dataset: { action: 'edit' } }, 'Edit')`. */
export function el(tag, { dataset, ...properties } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  Object.assign(element.dataset, dataset);
  element.append(...children);
  return element;
}

/** Sets a text only where it differs, so that a screen reader hears of changes alone. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Makes `list` show `items` in their order: `create(item)` makes the element of a new key, `paint(element, item)` brings
 * it up to date. Elements keep their identity, and with it focus, scroll position and what was announced.
 */
export function show(list, items, { key, create, paint }) {
  const wanted = new Set(items.map((item) => String(key(item))));
  const known = new Map();
  for (const element of [...list.children]) {
    if (wanted.has(element.dataset.key)) known.set(element.dataset.key, element);
    else element.remove();
  }
  let next = list.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    const element = known.get(name) ?? create(item);
    element.dataset.key = name;
    paint(element, item);
    if (element === next) next = next.nextElementSibling;
    else list.insertBefore(element, next);
  }
}

/** Runs `draw` once after a burst of calls, before the browser paints. */
export function coalesce(draw) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    queueMicrotask(() => {
      due = false;
      draw();
    });
  };
}

/** Keeps a scrolling part at its end as it grows, unless somebody has scrolled up to read. Returns: go to the end. */
export function stayAtEnd(scroll) {
  let follow = true;
  const toEnd = () => (scroll.scrollTop = scroll.scrollHeight);
  scroll.addEventListener('scroll', () => {
    follow = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;
  });
  const growth = new ResizeObserver(() => follow && toEnd());
  for (const element of [scroll, ...scroll.children]) growth.observe(element);
  return toEnd;
}

/** A steady hue for an id, so that a person has the same colour in every window; like ids get unlike ones. */
export const hue = (id) => ([...String(id)].reduce((sum, c) => (sum * 31 + c.codePointAt(0)) % 9973, 7) * 137) % 360;

/** A person's round initial. */
export function avatar({ id, username }) {
  const initial = [...String(username ?? id)][0]?.toUpperCase() ?? '?';
  const element = el('span', { className: 'avatar', ariaHidden: 'true' }, initial);
  element.style.setProperty('--hue', hue(id));
  return element;
}
