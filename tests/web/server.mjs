// The real server on the seeded demonstration, in a folder of its own, and a client of its API.
import { spawn, spawnSync } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import https from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';

export const PASSWORD = 'open market today'; // as the demonstration prints it

// Try until `is` gives something true.
export async function until(what, is, { seconds = 120, every = 50 } = {}) {
  for (const end = Date.now() + seconds * 1000; ; await pause(every)) {
    const value = await is();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
  }
}

// Date of tomorrow in the zone of the demonstration.
export function tomorrow() {
  const today = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/Athens' }).format(Date.now());
  return new Date(Date.parse(`${today}T12:00:00Z`) + 864e5).toISOString().slice(0, 10);
}

const freePort = () =>
  new Promise((done, failed) => {
    const probe = createServer().once('error', failed);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });

export class Server {
  constructor({ programs, pages, folder }) {
    Object.assign(this, { programs, pages, folder, data: `${folder}/demo/data`, process: null });
    process.on('exit', () => this.process?.kill('SIGKILL'));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
  }

  load() {
    const { status, stdout, stderr } = spawnSync(
      `${this.programs}/flexgrid-demo`,
      ['--load', '--folder', `${this.folder}/demo`],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`flexgrid-demo: ${status}\n${stdout}${stderr}`);
  }

  async start() {
    this.port ??= await freePort();
    this.url = `https://localhost:${this.port}`;
    const log = openSync(`${this.folder}/server.log`, 'a');
    const child = spawn(`${this.programs}/flexgridd`, [], {
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env.PATH,
        FLEXGRID_DATA_FOLDER: this.data,
        FLEXGRID_PORT: String(this.port),
        FLEXGRID_LISTEN_ADDRESS: '127.0.0.1',
        FLEXGRID_DEMONSTRATION: 'true',
        FLEXGRID_NODE: 'demonstration',
        FLEXGRID_WEB_FOLDER: this.pages,
      },
    });
    this.process = child;
    this.ended = new Promise((done) => child.once('exit', done));
    await until('the server is ready', async () => {
      if (child.exitCode !== null) throw new Error(`flexgridd ended: ${this.log()}`);
      return (await this.ask('GET', '/readyz').catch(() => null))?.status === 200;
    });
  }

  async stop() {
    this.process?.kill('SIGTERM');
    await this.ended;
    this.process = null;
  }

  log() {
    return readFileSync(`${this.folder}/server.log`, 'utf8').split('\n').slice(-30).join('\n');
  }

  // {status, body} of a request; `token` as logIn gives it.
  ask(method, path, { token, body } = {}) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((done, failed) => {
      const request = https.request(
        `${this.url}${path}`,
        {
          method,
          ca: readFileSync(`${this.data}/tls/certificate.pem`),
          headers: {
            ...(token ? { Authorization: `Bearer ${token}` } : {}),
            ...(text ? { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) } : {}),
          },
          timeout: 120000,
        },
        (answer) => {
          const parts = [];
          answer.on('data', (part) => parts.push(part));
          answer.on('error', failed);
          answer.on('end', () => {
            const got = Buffer.concat(parts).toString();
            const isJson = (answer.headers['content-type'] ?? '').includes('json');
            done({ status: answer.statusCode, body: isJson && got ? JSON.parse(got) : got });
          });
        },
      );
      request.on('timeout', () => request.destroy(new Error(`${path}: no answer`)));
      request.on('error', failed);
      request.end(text);
    });
  }

  // The same for what has to succeed; the body alone.
  async call(method, path, options) {
    const { status, body } = await this.ask(method, path, options);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  async logIn(email) {
    return (await this.call('POST', '/v1/log-in', { body: { email, password: PASSWORD, as: 'token' } })).token;
  }
}
