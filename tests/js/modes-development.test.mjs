// A host on loopback with neither a key nor AUTH_MODES, which is for development: everybody is let in, and a secret of
// its own proves tokens.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, rest, token, unique } from './client.mjs';
import { problem } from './helpers.mjs';
import { refused } from './wire.mjs';

const skip = process.env.TERTULIA_DEVELOPMENT !== 'true' && 'needs a host without any key';

describe('development', { skip }, () => {
  for (const t of TRANSPORTS) {
    test(`anonymous clients are let in, tokens of another secret are not (${t.name})`, async () => {
      const client = await connect(t);
      assert.equal(client.connected.user, null);
      const refusal = await refused(connect({ ...t, token: token({ id: unique('ana') }) }));
      if (t.transport !== 'plain') assert.equal(refusal.message, 'Token inválido');
      for (const secret of ['', 'secret', 'undefined']) await refused(connect({ ...t, token: token({ id: unique('ana'), secret }) }));
    });
  }

  test('sessions are let in, and the first who joins a room makes it', async () => {
    const user = { userID: unique('ana'), username: 'Ana' };
    const client = await connect({ auth: user });
    await client.next('session');
    await client.ok('join_channel', { channelId: unique('c') });
    await client.ok('join-group', { groupId: unique('g') });
    await problem(401, 'UNAUTHORIZED', 'GET', '/connections', { token: token({ id: unique(), roles: ['admin'] }) });
    assert.equal((await rest('GET', '/messages')).status, 200);
  });
});
