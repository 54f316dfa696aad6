// Three browsers, each driven as far as the tests need it: {goto, run, press, choose, screenshot, resize, close}.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const require = createRequire(new URL('../js/package.json', import.meta.url))
const SIZE = { width: 1280, height: 800 }

/** @param {string[]} problems gets what the page complains of */
async function chromium(problems) {
  const { chromium } = require('playwright-core')
  const browser = await chromium.launch({ executablePath: process.env.PROGRAM, args: ['--no-sandbox', '--enable-precise-memory-info'] }) // a sandbox needs another user than root
  const context = await browser.newContext({ viewport: SIZE })
  const page = await context.newPage()
  page.on('pageerror', err => problems.push(err.stack ?? String(err)))
  page.on('console', message => { if (message.type() === 'error') problems.push(message.text()) })
  return {
    name: 'chromium',
    page,
    goto: url => page.goto(url),
    run: expression => page.evaluate(expression),
    press: key => page.keyboard.press(key),
    choose: (selector, files) => page.locator(selector).first().setInputFiles(files),
    /** From the disk, as a file manager drops it. */
    async drop(path) {
      const cdp = await context.newCDPSession(page)
      const data = { items: [], files: [path], dragOperationsMask: 1 }
      for (const type of ['dragEnter', 'dragOver', 'drop']) await cdp.send('Input.dispatchDragEvent', { type, x: 400, y: 400, data })
      await cdp.detach()
    },
    screenshot: path => page.screenshot({ path }),
    resize: (width, height) => page.setViewportSize({ width, height }),
    close: () => browser.close(),
  }
}

async function firefox(problems) {
  const puppeteer = require('puppeteer-core')
  const browser = await puppeteer.launch({ browser: 'firefox', executablePath: process.env.PROGRAM, headless: true, defaultViewport: SIZE })
  const page = await browser.newPage()
  page.on('pageerror', err => problems.push(err.stack ?? String(err)))
  page.on('console', message => { if (message.type() === 'error') problems.push(message.text()) })
  return {
    name: 'firefox',
    goto: url => page.goto(url),
    run: expression => page.evaluate(expression),
    press: key => page.keyboard.press(key),
    async choose(selector, files) {
      const handle = await page.evaluateHandle(deep(selector))
      await handle.asElement().uploadFile(...[files].flat())
    },
    screenshot: path => page.screenshot({ path }),
    resize: (width, height) => page.setViewport({ width, height }),
    close: () => browser.close(),
  }
}

/** Speaks WebDriver (https://www.w3.org/TR/webdriver2/) to Debian's WebKitWebDriver, on a display of its own. */
async function webkit() {
  const home = await mkdtemp(join(tmpdir(), 'webkit-'))
  const screen = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  const [display] = await once(screen.stdio[3], 'data')
  const port = await freePort()
  const driver = spawn(process.env.PROGRAM, [`--port=${port}`], {
    stdio: 'ignore',
    env: { ...process.env, DISPLAY: `:${String(display).trim()}`, HOME: home, GDK_BACKEND: 'x11', LIBGL_ALWAYS_SOFTWARE: '1', WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' },
  })
  const call = async (method, path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body && JSON.stringify(body) })
    const { value } = await response.json()
    if (!response.ok) throw new Error(`${path}: ${value.error}: ${value.message}`)
    return value
  }
  const options = { binary: process.env.MINIBROWSER ?? '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser', args: ['--automation'] }
  let session
  for (let attempt = 0; !session; attempt++) {
    session = await call('POST', '/session', { capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': options } } }).catch(async err => {
      if (attempt > 50) throw err
      await new Promise(resolve => setTimeout(resolve, 100)) // it does not listen yet
    })
  }
  const at = `/session/${session.sessionId}`
  const script = 'const done = arguments[0];'
  return {
    name: 'webkit',
    goto: url => call('POST', `${at}/url`, { url }),
    async run(expression) {
      const { value, error } = await call('POST', `${at}/execute/async`, { script: `${script} (${expression}).then(value => done({ value }), err => done({ error: String(err) }))`, args: [] })
      if (error) throw new Error(error)
      return value ?? undefined
    },
    screenshot: async path => writeFile(path, Buffer.from(await call('GET', `${at}/screenshot`), 'base64')),
    async close() {
      await call('DELETE', at).catch(() => {}) // it is stopped in any case
      driver.kill()
      screen.kill()
      await Promise.all([once(driver, 'exit'), once(screen, 'exit')])
      await rm(home, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

export const launch = { chromium, firefox, webkit }

/** An expression for the first element of a selector, in whichever shadow root it is. */
export const deep = selector => `(${find.toString()})(${JSON.stringify(selector)})`

/** Runs in the page. What follows a part's name in the selector is looked for inside of that part. */
function find(selector, text, root = document) {
  const [, part, inner] = /^(st-[^ ]+) (.+)$/.exec(selector) ?? []
  if (part) {
    const host = find(part, '', root)
    return host && (host.shadowRoot ?? host) && find(inner, text, host.shadowRoot ?? host)
  }
  for (const element of root.querySelectorAll('*')) {
    if (element.matches(selector) && (!text || element.textContent.includes(text)) && (element.type === 'file' || element.getClientRects().length > 0)) return element
    const inside = element.shadowRoot && find(selector, text, element.shadowRoot)
    if (inside) return inside
  }
  return null
}

export const FIND = find.toString()
