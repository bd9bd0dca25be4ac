/** The page's words. Spanish, unless the browser prefers English. */

const es = {
  welcome: 'Pasa, hay sitio',
  needToken: 'Para entrar hace falta un token: dice quién eres. Pega aquí el tuyo, o el enlace completo que lo lleva.',
  token: 'Token',
  enter: 'Entrar',
  howTo: '¿No tienes uno? Pídelo así:',
  twoPeople: 'Para ser dos personas, abre otra ventana con el token de otra.',
  tokenMissing: 'Eso no parece un token.',
  online: 'En línea',
  connecting: 'Conectando…',
  offline: 'Sin conexión',
  channel: 'Canal',
  group: 'Grupo',
  changeRoom: 'Cambiar de sala',
  secondWindow: 'Abrir otra ventana para otra persona',
  logout: 'Salir',
  close: 'Cerrar',
  views: 'Vistas',
  chat: 'Charla',
  series: 'Serie',
  thread: 'Hilo',
  messages: 'Mensajes',
  pending: 'Mensajes por enviar',
  earlier: 'Ver anteriores',
  emptyChat: 'Todavía no hay mensajes. Rompe el hielo.',
  write: 'Escribe un mensaje',
  writeReply: 'Responde en el hilo',
  send: 'Enviar',
  editing: 'Editando un mensaje',
  cancel: 'Cancelar',
  edited: 'editado',
  deleted: 'Mensaje borrado',
  waiting: 'Pendiente de enviar',
  actions: (name) => `Acciones para el mensaje de ${name}`,
  react: (emoji) => `Reaccionar con ${emoji}`,
  edit: 'Editar',
  erase: 'Borrar',
  eraseSure: '¿Borrar?',
  reply: 'Responder',
  replies: (n) => (n === 0 ? 'Abrir el hilo' : n === 1 ? '1 respuesta' : `${n} respuestas`),
  typing: (names) => (names.length === 1 ? `${names[0]} está escribiendo…` : `${list(names)} están escribiendo…`),
  people: 'Personas',
  you: 'tú',
  status: { online: 'en línea', away: 'ausente', offline: 'fuera' },
  watchTogether: 'Ver juntos',
  seriesId: 'Serie',
  episodeId: 'Episodio',
  watchNow: 'Verlo ahora',
  watched: 'Ya lo vi',
  nowPlaying: 'En pantalla',
  running: (who) => `En marcha · ${who}`,
  paused: (who) => `En pausa · ${who}`,
  play: 'Reproducir',
  pause: 'Pausar',
  progress: 'Quién ha visto qué',
  emptyProgress: 'Nadie ha marcado episodios todavía.',
  activity: 'Actividad',
  did: {
    'now-watching': (who, what) => `${who} ha puesto ${what}`,
    play: (who, what) => `${who} reproduce ${what}`,
    pause: (who, what) => `${who} ha pausado ${what}`,
    watched: (who, what) => `${who} ha visto ${what}`,
    joined: (who) => `${who} se ha unido al grupo`,
    left: (who) => `${who} ha dejado el grupo`,
    other: (who, what) => `${who}: ${what}`,
  },
  errors: {
    INVALID_REQUEST: 'El servidor no acepta esos datos',
    UNAUTHORIZED: 'No se ha podido comprobar quién eres',
    FORBIDDEN: 'No tienes permiso para eso',
    NOT_FOUND: 'Eso no existe, o no es para ti',
    CONFLICT: 'Alguien se ha adelantado',
    RATE_LIMITED: 'Demasiado deprisa: espera un momento',
    PAYLOAD_TOO_LARGE: 'Es demasiado largo',
    OFFLINE: 'No hay conexión: inténtalo otra vez en un momento',
    REFUSED: 'El servidor responde pero no acepta la conexión. ¿Está esta dirección en FRONTEND_URL?',
    other: 'Algo ha fallado',
  },
};

const en = {
  welcome: 'Come in, there is room',
  needToken: 'To enter you need a token: it says who you are. Paste yours here, or the whole link that carries it.',
  token: 'Token',
  enter: 'Enter',
  howTo: 'No token yet? Ask for one:',
  twoPeople: 'To be two people, open another window with somebody else’s token.',
  tokenMissing: 'That does not look like a token.',
  online: 'Online',
  connecting: 'Connecting…',
  offline: 'Offline',
  channel: 'Channel',
  group: 'Group',
  changeRoom: 'Change room',
  secondWindow: 'Open another window for somebody else',
  logout: 'Leave',
  close: 'Close',
  views: 'Views',
  chat: 'Chat',
  series: 'Series',
  thread: 'Thread',
  messages: 'Messages',
  pending: 'Messages to be sent',
  earlier: 'Show earlier ones',
  emptyChat: 'No messages yet. Break the ice.',
  write: 'Write a message',
  writeReply: 'Reply in the thread',
  send: 'Send',
  editing: 'Editing a message',
  cancel: 'Cancel',
  edited: 'edited',
  deleted: 'Message deleted',
  waiting: 'Waiting to be sent',
  actions: (name) => `Actions for the message of ${name}`,
  react: (emoji) => `React with ${emoji}`,
  edit: 'Edit',
  erase: 'Delete',
  eraseSure: 'Delete?',
  reply: 'Reply',
  replies: (n) => (n === 0 ? 'Open the thread' : n === 1 ? '1 reply' : `${n} replies`),
  typing: (names) => (names.length === 1 ? `${names[0]} is typing…` : `${list(names)} are typing…`),
  people: 'People',
  you: 'you',
  status: { online: 'online', away: 'away', offline: 'offline' },
  watchTogether: 'Watch together',
  seriesId: 'Series',
  episodeId: 'Episode',
  watchNow: 'Watch it now',
  watched: 'Seen it',
  nowPlaying: 'On screen',
  running: (who) => `Running · ${who}`,
  paused: (who) => `Paused · ${who}`,
  play: 'Play',
  pause: 'Pause',
  progress: 'Who has seen what',
  emptyProgress: 'Nobody has marked an episode yet.',
  activity: 'Activity',
  did: {
    'now-watching': (who, what) => `${who} put on ${what}`,
    play: (who, what) => `${who} plays ${what}`,
    pause: (who, what) => `${who} paused ${what}`,
    watched: (who, what) => `${who} has seen ${what}`,
    joined: (who) => `${who} joined the group`,
    left: (who) => `${who} left the group`,
    other: (who, what) => `${who}: ${what}`,
  },
  errors: {
    INVALID_REQUEST: 'The server does not accept that',
    UNAUTHORIZED: 'Who you are could not be verified',
    FORBIDDEN: 'You may not do that',
    NOT_FOUND: 'There is no such thing, or it is not for you',
    CONFLICT: 'Somebody was faster',
    RATE_LIMITED: 'Too fast: wait a moment',
    PAYLOAD_TOO_LARGE: 'That is too long',
    OFFLINE: 'No connection: try again in a moment',
    REFUSED: 'The server answers but refuses the connection. Is this address in FRONTEND_URL?',
    other: 'Something went wrong',
  },
};

/** The language in use. */
export const language = /^en\b/i.test(navigator.language) ? 'en' : 'es';

/** The words in that language. */
export const words = { es, en }[language];

const list = (names) => new Intl.ListFormat(language).format(names);
const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' });
const dayAndClock = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const full = new Intl.DateTimeFormat(language, { dateStyle: 'full', timeStyle: 'medium' });

/** `{short, long}` of a moment: the hour, with the day before it unless that is today. */
export function moment(timestamp) {
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) return { short: '', long: '' };
  const today = date.toDateString() === new Date().toDateString();
  return { short: (today ? clock : dayAndClock).format(date), long: full.format(date) };
}

/** An error as a person should read it: what it means, and what the server said. */
export function explain({ code, message, details }) {
  const meaning = words.errors[code] ?? words.errors.other;
  const fields = Array.isArray(details) ? details.map(({ field, message }) => `${field}: ${message}`) : [];
  const said = fields.length > 0 ? fields.join('; ') : message;
  return said && said !== code ? `${meaning}. (${said})` : `${meaning}.`;
}

/** Puts the words where the markup asks for them: as text, label, placeholder. */
export function translate(root = document) {
  document.documentElement.lang = language;
  for (const node of root.querySelectorAll('[data-t]')) node.textContent = words[node.dataset.t];
  for (const node of root.querySelectorAll('[data-label]')) node.ariaLabel = words[node.dataset.label];
  for (const node of root.querySelectorAll('[data-placeholder]')) node.placeholder = words[node.dataset.placeholder];
}
