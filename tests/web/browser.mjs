// A visitor: a browser window of its own, in which everything that goes wrong is noted.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { PASSWORD, until } from './server.mjs';

const { chromium } = createRequire(`${process.env.FG_NPM}/`)('playwright-core');
const AXE = readFileSync(`${process.env.FG_NPM}/node_modules/axe-core/axe.min.js`, 'utf8');
export const PATIENCE = 120000; // for anything that is awaited: machines are busy

export const launch = () =>
  chromium.launch({
    executablePath: process.env.FG_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--disable-dev-shm-usage', '--disable-gpu', ...(process.getuid() === 0 ? ['--no-sandbox'] : [])],
    timeout: PATIENCE,
    handleSIGINT: false, // the end of this process is the end of the browser
    handleSIGTERM: false,
    handleSIGHUP: false,
  });

export class Visitor {
  static async open(browser, url, { name = 'visitor', width = 1280, height = 900, dark = false } = {}) {
    const context = await browser.newContext({
      ignoreHTTPSErrors: true, // the demonstration signs its certificate itself
      viewport: { width, height },
      colorScheme: dark ? 'dark' : 'light',
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(PATIENCE);
    const visitor = new Visitor();
    Object.assign(visitor, {
      url,
      name,
      context,
      problems: [],
      expected: [],
      pending: new Set(),
      empty: new WeakSet(),
      isServerAway: false,
    });
    await context.addInitScript(() =>
      addEventListener('securitypolicyviolation', (e) =>
        console.error(`content security policy: ${e.violatedDirective} ${e.blockedURI}`),
      ),
    );
    visitor.page = await context.newPage();
    visitor.watch();
    return visitor;
  }

  note(text) {
    this.problems.push(`${this.name}, ${this.page.url().replace(this.url, '')}: ${text}`);
  }

  watch() {
    const { page } = this,
      isEvents = (request) => request.url().includes('/v1/events');
    page.on('pageerror', (error) => this.note(`error in the page: ${error.stack ?? error.message}`));
    page.on('console', (message) => {
      // What the browser says of a request is judged below, with its status.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource:'))
        this.note(`console: ${message.text()}`);
    });
    page.on('request', (request) => isEvents(request) || this.pending.add(request));
    page.on('requestfinished', (request) => this.pending.delete(request));
    page.on('requestfailed', (request) => {
      this.pending.delete(request);
      if (this.empty.delete(request)) return;
      const why = request.failure()?.errorText ?? '';
      // The pages themselves give up readings that nobody waits for any more.
      if (why === 'net::ERR_ABORTED' && request.method() === 'GET' && request.url().includes('/v1/')) return;
      if (!this.isServerAway) this.note(`${request.method()} ${request.url().replace(this.url, '')} failed: ${why}`);
    });
    page.on('response', (response) => {
      if (response.status() === 204) {
        this.empty.add(response.request()); // nobody reads the body that it has not, which Chromium may call a failure
        this.pending.delete(response.request());
      }
      if (response.status() < 400) return;
      const path = response.url().replace(this.url, ''),
        at = this.expected.findIndex((e) => e.status === response.status() && path.startsWith(e.path));
      if (at >= 0) this.expected.splice(at, 1);
      else this.note(`${response.request().method()} ${path}: ${response.status()}`);
    });
  }

  // The next answer of this status is right.
  expect(status, path) {
    this.expected.push({ status, path });
  }

  // While `act` runs and the server is away requests may fail.
  async withoutServer(act) {
    this.isServerAway = true;
    await act();
    this.isServerAway = false;
  }

  // Fails with everything that was noted since the last time.
  check() {
    const all = [...this.problems, ...this.expected.map((e) => `${this.name}: no ${e.status} of ${e.path}`)];
    this.problems = [];
    this.expected = [];
    if (all.length) throw new Error(all.join('\n'));
  }

  async logIn(email, password = PASSWORD) {
    await this.page.goto(`${this.url}/`);
    await this.page.getByLabel(/^Email/).fill(email);
    await this.page.getByLabel(/^Password/).fill(password);
    await this.page.getByRole('button', { name: 'Log in', exact: true }).click();
    await this.page.getByRole('link', { name: 'FLEXGRID' }).waitFor();
  }

  // Everything that the page reads is there.
  async settled() {
    await this.page.waitForFunction(() => !document.querySelector('.loading, [aria-busy=true]'), null, { polling: 50 });
    await until('the page has read what it shows', () => this.pending.size === 0);
  }

  heading(name) {
    return this.page.getByRole('heading', { level: 1, name, exact: true });
  }

  // The page at an address, with this heading.
  async go(path, heading) {
    await this.page.evaluate((to) => {
      location.hash = to;
    }, `#/${path}`);
    await this.heading(heading).waitFor();
    await this.settled();
  }

  // No part of the page but tables and such, which scroll by themselves, is wider than the window.
  async checkWidth() {
    const wide = await this.page.evaluate(() =>
      [document.documentElement, document.querySelector('main')]
        .filter((e) => e && e.scrollWidth > e.clientWidth)
        .map((e) => `${e.localName} is ${e.scrollWidth} wide in ${e.clientWidth}`),
    );
    for (const text of wide) this.note(text);
  }

  // axe-core finds nothing serious. What has been looked at in this appearance is in `seen`, and is not looked at again: the shell,
  // pages, and the colours of kinds of elements. Rows of a table are alike: the first ones stand for all.
  async checkAccess(name, seen) {
    const kinds = await this.page.evaluate(() =>
      [...document.querySelectorAll('body *')].map((e) =>
        [e.parentElement.localName, e.localName, e.getAttribute('class') ?? '', e.getAttribute('role') ?? '', e.type ?? ''].join(
          ' ',
        ),
      ),
    );
    const isNewKind = kinds.some((kind) => !seen.has(kind)),
      isShellSeen = seen.has('shell') && name !== 'log-in';
    if (!isNewKind && seen.has(`page ${name}`)) return;
    for (const part of [...kinds, `page ${name}`]) seen.add(part);
    if (name !== 'log-in') seen.add('shell');
    if (!(await this.page.evaluate(() => 'axe' in window))) await this.page.evaluate(AXE);
    const violations = await this.page.evaluate(
      async ({ context, colours }) => {
        const rows = [...document.querySelectorAll('tbody tr:nth-child(n+4)')].map((row) => ({ row, body: row.parentElement }));
        for (const { row } of rows) row.remove();
        const found = await window.axe
          .run(context ?? document, {
            resultTypes: ['violations'],
            preload: false,
            rules: { 'color-contrast': { enabled: colours } },
          })
          .finally(() => rows.forEach(({ row, body }) => body.append(row)));
        return found.violations
          .filter((v) => v.impact === 'serious' || v.impact === 'critical')
          .map(
            (v) =>
              `${v.id} (${v.impact}): ${v.help}: ${v.nodes
                .slice(0, 3)
                .map((n) => `${n.html.slice(0, 160)} [${n.failureSummary.replace(/\s+/g, ' ').slice(0, 200)}]`)
                .join(' | ')}`,
          );
      },
      { context: isShellSeen ? { include: ['main'] } : null, colours: isNewKind },
    );
    for (const text of violations) this.note(text);
  }

  picture(folder) {
    return this.page.screenshot({ path: `${folder}/${this.name.replace(/\W+/g, '-')}.png` }).catch(() => {});
  }
}

// Visitors for the time of `act`; all is well when it ends without an error and nothing was noted.
export async function visit(browser, url, who, act) {
  const visitors = [];
  try {
    for (const of of who) visitors.push(await Visitor.open(browser, url, of));
    await act(...visitors);
    for (const visitor of visitors) {
      await visitor.settled();
      visitor.check();
    }
  } catch (error) {
    for (const visitor of visitors) await visitor.picture(process.env.FG_FOLDER);
    error.message = [error.message, ...visitors.flatMap((visitor) => visitor.problems)].join('\n');
    throw error;
  } finally {
    for (const visitor of visitors) await visitor.context.close();
  }
}
