// Which language a client reads: chosen when it connects, or by each REST request; Spanish for who asks for nothing else.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { REFUSALS, TRANSPORTS, connect, person, rest, token, unique } from './client.mjs';
import { makeChannel, shape } from './helpers.mjs';
import { DOORS, errorOf, refused } from './wire.mjs';

const EXPIRY = 65_000; // "closed within 60 s" of the token's end
const UNKNOWN = { es: 'Evento desconocido', en: 'Unknown event' };
const WELCOME = { es: 'Conectado exitosamente', en: 'Connected successfully' };
const JOINED = { es: 'Te has unido al grupo exitosamente', en: 'You have joined the group' };
const LEFT = { es: 'Has salido del grupo exitosamente', en: 'You have left the group' };
const EXPIRED = { es: 'Token expirado', en: 'Token expired' };
const accepts = (language) => ({ headers: { 'accept-language': language } });
const asks = (lang) => ({ query: { lang } });
const socketIo = TRANSPORTS.filter((t) => t.transport !== 'plain');

/** What the client is told, with an ack and without, is in this language. */
async function reads(client, language, said) {
  assert.equal(client.connected.message, WELCOME[language], said);
  assert.equal((await client.fails('UNKNOWN_EVENT', 'nada', {})).error, UNKNOWN[language], said);
  client.emit('nada', {});
  assert.equal((await errorOf(client, 'UNKNOWN_EVENT', 'nada')).message, UNKNOWN[language], said);
}

/** An id that is wrong, and what is said of it, with the other texts of the request. */
const FIELDS = [
  ['join_channel', {}, 'channelId', { es: 'falta', en: 'is missing' }],
  ['join_channel', { channelId: '' }, 'channelId', { es: 'no debe estar vacío', en: 'must not be empty' }],
  ['join_channel', { channelId: 'x'.repeat(129) }, 'channelId', { es: 'debe tener como máximo 128 caracteres y 256 bytes', en: 'must be at most 128 characters and 256 bytes' }],
  ['join_channel', { channelId: 'a\u0000b' }, 'channelId', { es: 'no debe contener caracteres de control', en: 'must not contain control characters' }],
  ['join_channel', { channelId: 2 ** 53 }, 'channelId', { es: 'debe ser un entero dentro de ±(2^53 − 1)', en: 'must be an integer within ±(2^53 − 1)' }],
  ['join_channel', { channelId: 1.5 }, 'channelId', { es: 'debe ser una cadena o un entero', en: 'must be a string or an integer' }],
  ['event_message', { authorId: {} }, 'authorId', { es: 'debe ser una cadena o un entero', en: 'must be a string or an integer' }],
  ['event_message', { message: {} }, 'message', { es: 'en el vestíbulo no debe ser un objeto', en: 'must not be an object in the lobby' }],
  ['send_message', { channelId: 'x', text: 5 }, 'text', { es: 'debe ser una cadena', en: 'must be a string' }],
  ['send_message', { channelId: 'x', text: ' ' }, 'text', { es: 'no debe estar vacío', en: 'must not be empty' }],
  ['send_message', { channelId: 'x', text: 'x'.repeat(4001) }, 'text', { es: 'debe tener como máximo 4000 caracteres', en: 'must be at most 4000 characters' }],
  ['send_message', { channelId: 'x', text: 'x', links: 'x' }, 'links', { es: 'debe ser una lista', en: 'must be a list' }],
  ['send_message', { channelId: 'x', text: 'x', links: Array(21).fill('x') }, 'links', { es: 'la longitud máxima es 20', en: 'must have a length of at most 20' }],
  ['send_message', { channelId: 'x', text: 'x', clientMessageId: '' }, 'clientMessageId', { es: 'la longitud mínima es 1', en: 'must have a length of at least 1' }],
  ['add_reaction', { channelId: 'x', messageId: 'x', emoji: 'no' }, 'emoji', { es: 'debe ser un solo emoji de 32 bytes como máximo', en: 'must be one emoji of at most 32 bytes' }],
  ['mark_read', { channelId: 'x', seq: -1 }, 'seq', { es: 'debe ser un entero no negativo', en: 'must be an integer that is not negative' }],
  ['set_presence', { status: 'gone' }, 'status', { es: 'debe ser uno de `online`, `away`', en: 'must be one of `online`, `away`' }],
  ['sync_request', { channels: [5] }, 'channels[0]', { es: 'debe ser un objeto', en: 'must be an object' }],
  ['sync_request', { channels: [], limit: 501 }, 'limit', { es: 'debe ser como máximo 500', en: 'must be at most 500' }],
  ['sync_request', { channels: [], limit: 0 }, 'limit', { es: 'debe ser al menos 1', en: 'must be at least 1' }],
  ['sync_request', {}, 'channels', { es: 'hace falta channels o bien channelId', en: 'either channels or channelId is needed' }],
  ['join-group', [], '', { es: 'los datos deben ser un objeto', en: 'the payload must be an object' }],
];

/** Refusals of an event: the text in each language; those that the contract fixes do not differ. */
const TEXTS = [
  ['NOT_FOUND', 'leave_channel', () => ({ channelId: unique() }), { es: 'Este canal no existe', en: 'This channel does not exist' }],
  ['NOT_FOUND', 'leave-group', () => ({ groupId: unique() }), { es: 'Este grupo no existe', en: 'This group does not exist' }],
  ['NOT_FOUND', 'confirmNotification', () => ({ notificationId: unique() }), { es: 'La notificación no existe', en: 'Notification not found' }],
  ['FORBIDDEN', 'event_message', () => ({ senderId: unique() }), { es: 'El remitente no es quien está conectado', en: 'The sender is not the one who is connected' }],
  ['UNAUTHORIZED', 'refresh_token', () => ({ token: 'x' }), { es: 'Token inválido', en: 'Invalid token' }],
  ['INVALID_REQUEST', 'join_channel', () => ({}), { es: 'Invalid data', en: 'Invalid data' }],
];

describe('the language is chosen when a client connects', () => {
  for (const t of TRANSPORTS) {
    test(`by nothing, the query or Accept-Language (${t.name})`, async () => {
      const choices = [
        [{}, 'es'], [asks('en'), 'en'], [asks('es'), 'es'], [asks('en-GB'), 'en'],
        [accepts('en-US,en;q=0.9,es;q=0.8'), 'en'], [accepts('es-AR, en;q=0.9'), 'es'], [accepts('en;q=0.4, es;q=0.5'), 'es'],
        [accepts('fr-CA, fr;q=0.9, en;q=0.2'), 'en'],
        [{ ...asks('es'), ...accepts('en') }, 'es'], [{ ...asks('en'), ...accepts('es') }, 'en'],
      ];
      for (const [choice, language] of choices) {
        await reads(await connect({ ...t, as: person(), ...choice }), language, JSON.stringify(choice));
      }
    });

    test(`an unknown one is Spanish, and no error (${t.name})`, async () => {
      const choices = [asks('fr'), asks(''), asks('klingon'), accepts('de, fr;q=0.5'), accepts('*'), accepts('en;q=0'), accepts('en;q=nan'), { ...asks('fr'), ...accepts('en') }];
      for (const choice of choices) await reads(await connect({ ...t, as: person(), ...choice }), 'es', JSON.stringify(choice));
    });
  }

  for (const t of socketIo) {
    test(`by auth.lang before all else (${t.name})`, async () => {
      const jwt = { token: person().token };
      const choices = [
        [{ auth: { ...jwt, lang: 'en' } }, 'en'],
        [{ auth: { ...jwt, lang: 'en' }, ...accepts('es') }, 'en'],
        [{ auth: { ...jwt, lang: 'es' }, ...accepts('en'), ...asks('en') }, 'es'],
        [{ auth: { ...jwt, lang: 'en-GB' }, ...asks('es') }, 'en'],
        [{ auth: { ...jwt, lang: 'fr' }, ...accepts('en') }, 'es'],
        [{ auth: { ...jwt, lang: 5 }, ...accepts('en') }, 'en'],
        [{ auth: { ...jwt, lang: null } }, 'es'],
      ];
      for (const [choice, language] of choices) await reads(await connect({ ...t, ...choice }), language, JSON.stringify(choice));
    });

    test(`a refusal is in it (${t.name})`, async () => {
      const old = token({ id: unique(), exp: 1 });
      for (const language of ['es', 'en']) {
        for (const choice of [{ auth: { token: old, lang: language } }, { auth: { token: old }, ...asks(language) }, { auth: { token: old }, ...accepts(language) },
          { query: { token: old, lang: language } }, { query: { token: old }, auth: { lang: language } }]) {
          assert.equal((await refused(connect({ ...t, ...choice }))).message, EXPIRED[language], JSON.stringify(choice));
        }
      }
      // Texts that are fixed are the same in each.
      const half = { username: 'ana' };
      for (const lang of ['es', 'en']) assert.equal((await refused(connect({ ...t, auth: { ...half, lang } }))).message, 'Username and userID are required');
    });
  }

  for (const t of TRANSPORTS) {
    test(`the end of a token is told in it (${t.name})`, async () => {
      const until = Math.floor(Date.now() / 1000) + 2;
      const client = await connect({ ...t, token: token({ id: unique(), exp: until }), ...accepts('en') });
      assert.equal((await errorOf(client, 'UNAUTHORIZED', undefined, EXPIRY)).message, EXPIRED.en);
    });
  }
});

if (REFUSALS) test('a refused upgrade is a problem in the language', async () => {
  const { knock } = DOORS.find((door) => door.name === 'plain WebSocket');
  const authorization = `Bearer ${token({ id: unique(), exp: 1 })}`;
  for (const language of ['es', 'en']) {
    const { status, headers, body } = await knock({ authorization, 'accept-language': language });
    assert.deepEqual([status, headers['content-language'], JSON.parse(body).detail], [401, language, EXPIRED[language]]);
  }
});

for (const t of TRANSPORTS) {
  for (const language of ['es', 'en']) {
    test(`what is wrong with a field is said in ${language} (${t.name})`, async () => {
      const client = await connect({ ...t, as: person(), ...asks(language) });
      for (const [event, data, field, text] of FIELDS) {
        const { error, details } = await client.fails('INVALID_REQUEST', event, data);
        assert.deepEqual([error, details], ['Invalid data', [{ field, message: text[language] }]], JSON.stringify(data).slice(0, 100));
      }
    });

    test(`refusals are in ${language}, but for texts that the contract fixes (${t.name})`, async () => {
      const client = await connect({ ...t, as: person(), ...asks(language) });
      for (const [code, event, data, text] of TEXTS) assert.equal((await client.fails(code, event, data())).error, text[language], event);
      const ack = await client.fails('UNAUTHORIZED', 'message', { content: 'x' });
      assert.deepEqual([ack.error, ack.details], ['Client is not initialized', "Make sure you have performed the 'initialize' event"]);
    });
  }
}

test('each member of a group reads its own language, and broadcasts have none', async () => {
  const groupId = unique('serie');
  const [t, u] = [TRANSPORTS[0], TRANSPORTS.at(-1)];
  const ana = await connect({ ...t, as: person(), ...asks('es') });
  const eva = await connect({ ...u, as: person('eva'), ...accepts('en') });
  for (const [client, language] of [[ana, 'es'], [eva, 'en']]) {
    await client.ok('join-group', { groupId });
    assert.deepEqual(await client.next('joined-group'), { groupId, message: JOINED[language] });
  }
  shape(await ana.next('user-joined-group'), 'userId username groupId timestamp');
  await eva.ok('leave-group', { groupId });
  assert.deepEqual(await eva.next('left-group'), { groupId, message: LEFT.en });
  shape(await ana.next('user-left-group'), 'userId username groupId timestamp');
});

describe('REST answers in the language of each request', () => {
  const someone = person();
  const service = person('servicio', { roles: ['service'] });

  /** The call's answer in both languages, Spanish also for who asks for none or for one that is unknown. */
  async function inBoth(method, path, options, check) {
    for (const [asked, language] of [[undefined, 'es'], ['fr', 'es'], ['es', 'es'], ['en-US,en;q=0.9', 'en']]) {
      const headers = asked === undefined ? {} : { 'accept-language': asked };
      const answer = await rest(method, path, { ...options, headers: { ...options?.headers, ...headers } });
      const said = `${method} ${path} ${asked} → ${answer.status} ${JSON.stringify(answer.body)}`;
      assert.equal(answer.headers.get('content-language'), language, said);
      assert.match(answer.headers.get('vary') ?? '', /\baccept-language\b/i, said);
      check(answer, language, said);
    }
  }

  const problems = [
    ['GET', '/notifications', {}, 401, { es: ['No autorizado', 'Token no proporcionado'], en: ['Unauthorized', 'Token not provided'] }],
    ['GET', '/notifications', { token: token({ id: unique(), exp: 1 }) }, 401, { es: ['No autorizado', 'Token expirado'], en: ['Unauthorized', 'Token expired'] }],
    ['GET', `/channels/${unique()}`, { as: someone }, 404, { es: ['No encontrado', 'Este canal no existe'], en: ['Not Found', 'This channel does not exist'] }],
    ['GET', '/nada', {}, 404, { es: ['No encontrado', 'La página no existe'], en: ['Not Found', 'Page not found'] }],
    ['GET', '/connections', { as: someone }, 403, { es: ['Prohibido', 'Se necesita el rol admin'], en: ['Forbidden', 'Needs the role admin'] }],
    ['GET', '/notifications?limit=0', { as: someone }, 400, { es: ['Petición incorrecta', 'Invalid data'], en: ['Bad Request', 'Invalid data'] }],
  ];

  for (const [method, path, options, status, texts] of problems) {
    test(`${method} ${path} → ${status}: title and detail`, async () => {
      await inBoth(method, path, options, (answer, language, said) => {
        assert.equal(answer.status, status, said);
        assert.deepEqual([answer.body.status, answer.body.title, answer.body.detail], [status, ...texts[language]], said);
      });
    });
  }

  test('the fields of a body and of a query', async () => {
    const body = { message: '', userId: 'x' };
    await inBoth('POST', '/notification/send', { as: service, body }, ({ body: { details } }, language, said) => {
      assert.deepEqual(details, [{ field: 'message', message: { es: 'no debe estar vacío', en: 'must not be empty' }[language] }], said);
    });
    await inBoth('POST', '/notification/send', { as: service, body: '{' }, ({ body: { details } }, language, said) => {
      assert.deepEqual(details.map((d) => d.message), [{ es: 'no es JSON válido', en: 'is no valid JSON' }[language]], said);
    });
    await inBoth('GET', '/presence', { as: someone }, ({ body: { details } }, language, said) => {
      assert.deepEqual(details, [{ field: 'userIds', message: { es: 'falta', en: 'is missing' }[language] }], said);
    });
  });

  test('a room that exists, of its kind', async () => {
    const id = await makeChannel(someone);
    await inBoth('POST', '/channels', { as: someone, body: { id } }, (answer, language, said) => {
      assert.equal(answer.body.detail, { es: 'Ya existe un canal con este identificador', en: 'A channel of this id exists' }[language], said);
    });
  });

  test('what went well says so in the text that the contract fixes', async () => {
    const body = { message: 'aviso', userId: unique() };
    await inBoth('POST', '/notification/send', { as: service, body }, (answer, _, said) => {
      assert.equal(answer.body.message, 'Notification sent successfully', said);
    });
  });

  test('a page of another origin is refused in its language', async () => {
    const headers = { origin: 'https://evil.example' };
    await inBoth('GET', '/messages', { headers }, (answer, language, said) => {
      assert.deepEqual([answer.status, answer.body.detail], [403, { es: 'No se permite este origen', en: 'This origin is not allowed' }[language]], said);
    });
  });
});
