/** Who this window is: a token, kept for as long as the window lives, never left in the address bar. */

const KEY = 'tertulia.token';

/** The token in a pasted text: a bare one, or a link that ends in `#token=…`. */
export function tokenIn(text) {
  const linked = /[#?&]token=([^&\s]+)/.exec(text);
  const token = linked ? decodeURIComponent(linked[1]) : text.trim().replace(/^Bearer\s+/i, '');
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) ? token : null;
}

/** The token of this window: the address' own first, which then disappears from the address. */
export function takeToken() {
  const given = location.hash && tokenIn(location.hash);
  if (given) {
    keepToken(given);
    history.replaceState(null, '', location.pathname + location.search);
  }
  return sessionStorage.getItem(KEY);
}

export const keepToken = (token) => sessionStorage.setItem(KEY, token);

export const forgetToken = () => sessionStorage.removeItem(KEY);

/** The rooms that the address names. */
export function roomsInAddress() {
  const query = new URLSearchParams(location.search);
  return { channelId: query.get('channel') || 'general', groupId: query.get('group') || 'series' };
}

/** The WebSocket of the host that served this page. */
export function socketUrl(token) {
  const url = new URL('ws', document.baseURI);
  url.protocol = url.protocol.replace('http', 'ws');
  url.search = new URLSearchParams({ token });
  url.hash = '';
  return url;
}
