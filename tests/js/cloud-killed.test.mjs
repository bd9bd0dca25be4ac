// Functions that are killed in the middle of their work: what is in the log was broadcast, and what was acked is in it.
// Nobody else may use the stack meanwhile: their frames would be lost as well.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, person, unique } from './client.mjs';
import { Raw, WS_URL, functionName, heardInOrder } from './cloud.mjs';
import { replay } from './helpers.mjs';
import { eventually } from './wire.mjs';

const SENDERS = 6;
const MESSAGES = 30;

/** The processes of a function of this emulator. */
function processes(name) {
  const wanted = [`AWS_LAMBDA_FUNCTION_NAME=${name}`, `AWS_ENDPOINT_URL=${process.env.AWS_ENDPOINT_URL}`];
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).map(Number).filter((pid) => {
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      return wanted.every((variable) => variables.includes(variable));
    } catch { return false; }
  });
}

function kill(name) {
  return processes(name).filter((pid) => { try { return process.kill(pid, 'SIGKILL'); } catch { return false; } }).length;
}

let killing = true;
after(() => { killing = false; });

for (const [logicalId, least] of [['SendMessage', 10], ['Broadcast', 5]]) {
  test(`${logicalId} is killed again and again while all are sending`, async () => {
    const name = await functionName(logicalId);
    const channelId = unique('canal');
    const listeners = await Promise.all([{ transport: 'plain' }, { transport: 'websocket', namespace: '/chat' }, { transport: 'websocket', namespace: '/' }]
      .map((t) => connect({ ...t, as: person() })));
    for (const client of listeners) await client.ok('join_channel', { channelId });
    const acked = [];
    const send = async (_, s) => {
      const raw = await Raw.open(WS_URL, { authorization: `Bearer ${person().token}` });
      raw.send(JSON.stringify({ action: 'join_channel', id: 0, data: { channelId } }));
      await raw.next(/"id":0/);
      for (let m = 0; m < MESSAGES; m++) {
        const text = `${s}.${m}`;
        for (let attempt = 0; ; attempt++) {
          raw.send(JSON.stringify({ action: 'send_message', id: `${text}.${attempt}`, data: { channelId, text, clientMessageId: text } }));
          // API Gateway tells that the function is gone in its own words; or it tells nothing.
          const said = await raw.next((f) => f.includes(`"id":"${text}.${attempt}"`) || !f.startsWith('{"event":'), 4000).catch(() => '{}');
          const ack = JSON.parse(said).data;
          if (ack?.success) { acked.push({ text, ...ack }); break; }
          assert.ok(!ack || ack.errorCode === 'RATE_LIMITED', said);
          assert.ok(attempt < 100, `${text}: ${said}`);
        }
      }
    };
    killing = true;
    let killed = 0;
    // The next one after something was acked: on a slow machine a function may take longer to start than it is let live.
    const killer = (async () => {
      for (let before = -1; killing; await pause(20 + Math.random() * 150)) {
        if (acked.length === before) continue;
        before = acked.length;
        killed += kill(name);
      }
    })();
    await Promise.all(Array.from({ length: SENDERS }, send)).finally(() => { killing = false; });
    await killer;
    assert.ok(killed >= least, `${killed} killed`);
    const log = await replay(listeners[0], channelId);
    assert.deepEqual(log.map((entry) => entry.seq), log.map((_, i) => i + 1), 'no gap');
    const texts = log.map((entry) => entry.data.message.content.text);
    assert.equal(new Set(texts).size, texts.length, 'nothing twice');
    assert.equal(acked.length, SENDERS * MESSAGES);
    for (const ack of acked) {
      const entry = log[ack.seq - 1];
      assert.deepEqual([entry?.data.message.id, entry?.data.message.content.text], [ack.messageId, ack.text]);
    }
    const heard = (client) => client.received.filter((e) => e.event === 'new_message').map((e) => e.data);
    for (const client of listeners) {
      await eventually(() => assert.equal(new Set(heard(client).map((d) => d.seq)).size, log.length, `heard by ${client.id}`));
      heardInOrder(heard(client), log, client.id);
    }
  });
}
