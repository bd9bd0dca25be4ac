// A host with origins of its own in FRONTEND_URL: they replace the default ones, and the host's own address stays.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { URL_BASE } from './client.mjs';
import { DOORS, request } from './wire.mjs';

const skip = !process.env.FRONTEND_URL && 'needs a host with FRONTEND_URL';
const PORT = new URL(URL_BASE).port;
const ALLOWED = [
  'https://app.example', 'https://chat.example:8443', 'http://localhost:5173',
  `http://localhost:${PORT}`, `http://127.0.0.1:${PORT}`,
];
const STRANGE = [
  'http://localhost:3000', 'http://localhost:3001', 'null', 'http://app.example', 'https://chat.example', 'https://app.example:8443',
  'https://app.example.evil', 'https://evil-app.example', 'https://other.app.example', 'https://app.example/', 'https://app.example,https://chat.example:8443',
  `https://localhost:${PORT}`, `http://localhost:${Number(PORT) + 1}`, '',
];

describe('configured origins', { skip }, () => {
  for (const { name, accepted, knock } of DOORS) {
    test(`those of FRONTEND_URL and the host’s own are let in, the defaults no longer (${name})`, async () => {
      assert.equal((await knock({})).status, accepted, 'none');
      for (const origin of ALLOWED) {
        const { status, headers } = await knock({ origin });
        assert.equal(status, accepted, origin);
        if (accepted === 200) assert.deepEqual([headers['access-control-allow-origin'], headers['access-control-allow-credentials']], [origin, 'true']);
      }
      for (const origin of STRANGE) {
        const { status, headers } = await knock({ origin });
        assert.deepEqual([status, headers['access-control-allow-origin']], [403, undefined], origin);
      }
    });
  }

  test('a preflight of a default origin permits nothing', async () => {
    const ask = (origin) => request('OPTIONS', '/channels', { headers: { origin, 'access-control-request-method': 'POST' } });
    for (const origin of ALLOWED) assert.equal((await ask(origin)).headers['access-control-allow-origin'], origin);
    for (const origin of STRANGE.slice(0, 2)) assert.equal((await ask(origin)).headers['access-control-allow-origin'], undefined, origin);
  });
});
