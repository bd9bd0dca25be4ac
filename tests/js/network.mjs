// A network between clients and the host, which can be cut, mended, and made to lose what the host says.
import { once } from 'node:events';
import net from 'node:net';
import { URL_BASE } from './client.mjs';

export class Network {
  #server;
  #lines = new Set();
  #port = 0;

  /** The host's address by way of this network. */
  get url() { return `http://127.0.0.1:${this.#port}`; }

  async mend() {
    const { hostname, port } = new URL(URL_BASE);
    this.#server = net.createServer((client) => {
      const line = { client, host: net.connect(Number(port), hostname) };
      this.#lines.add(line);
      client.pipe(line.host).pipe(client);
      for (const end of [line.client, line.host]) end.on('error', () => {}).on('close', () => this.#cut(line));
    });
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = this.#server.address().port;
  }

  /** Nothing comes from the host any more on the lines that there are; it still hears what is said to it. */
  deafen() {
    for (const { client, host } of this.#lines) host.unpipe(client);
  }

  /** Ends all lines, and refuses new ones. */
  cut() {
    this.#server.close();
    for (const line of this.#lines) this.#cut(line);
  }

  #cut(line) {
    this.#lines.delete(line);
    line.client.destroy();
    line.host.destroy();
  }
}
