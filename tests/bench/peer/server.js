// What a team would write instead: socket.io, JWT, messages in SQLite before they are sent. It takes the same events as
// Tertulia does. PORT, JWT_SECRET, DATA_DIR.
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import Database from 'better-sqlite3';
import jwt from 'jsonwebtoken';
import { Server } from 'socket.io';

const { PORT, JWT_SECRET, DATA_DIR } = process.env;
const db = new Database(`${DATA_DIR}/chat.db`);
// The durability of the host's embedded engine: a commit survives the process, and does not wait for the disk.
db.pragma('journal_mode = WAL');
db.pragma('synchronous = NORMAL');
db.exec(`CREATE TABLE messages (
  id TEXT PRIMARY KEY, channel_id TEXT NOT NULL, author_id TEXT NOT NULL, text TEXT NOT NULL, created_at TEXT NOT NULL);
  CREATE INDEX by_channel ON messages (channel_id, created_at);`);
const insert = db.prepare('INSERT INTO messages VALUES (@id, @channelId, @authorId, @text, @createdAt)');

const http = createServer();
const chat = new Server(http).of('/chat');

chat.use((socket, next) => {
  try {
    const { sub, username } = jwt.verify(socket.handshake.auth.token, JWT_SECRET, { algorithms: ['HS256'] });
    socket.data.user = { id: sub, username };
    next();
  } catch {
    next(new Error('unauthorized'));
  }
});

chat.on('connection', (socket) => {
  const { user } = socket.data;
  socket.on('join_channel', ({ channelId } = {}, ack) => {
    if (typeof channelId !== 'string') return ack?.({ success: false, error: 'channelId' });
    socket.join(`channel:${channelId}`);
    ack?.({ success: true, channelId });
  });
  socket.on('send_message', ({ channelId, text } = {}, ack) => {
    if (typeof channelId !== 'string' || typeof text !== 'string' || text.length > 4000) {
      return ack?.({ success: false, error: 'invalid' });
    }
    const message = { id: randomUUID(), channelId, authorId: user.id, text, createdAt: new Date().toISOString() };
    insert.run(message);
    chat.to(`channel:${channelId}`).emit('new_message', { message, author: user });
    ack?.({ success: true, messageId: message.id, createdAt: message.createdAt });
  });
});

http.listen(Number(PORT), '127.0.0.1', () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));
