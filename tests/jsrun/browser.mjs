// A page of headless Chromium with the driver at /js/ and this folder at /jsrun/.

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { serve } from './serve.mjs'

const { chromium } = createRequire(new URL('../js/package.json', import.meta.url))('playwright-core')
const here = name => fileURLToPath(new URL(name, import.meta.url))

/**
 * @param {string} bin the browser
 * @param {Record<string, string>} roots what the page's server serves besides
 */
export async function open(bin, roots) {
  const server = await serve({ '/js/': here('../../wasm/js/'), '/jsrun/': here('.'), ...roots })
  const browser = await chromium.launch({ executablePath: bin, args: ['--no-sandbox'] }) // a sandbox needs another user than root
  const page = await browser.newPage()
  page.on('console', message => process.stderr.write(`${message.type()}: ${message.text()}\n`))
  page.on('pageerror', err => process.stderr.write(`${err.stack}\n`))
  await page.goto(`${server.base}/jsrun/page.html`)
  const close = async () => {
    await browser.close()
    server.close()
  }
  return { page, browser, base: server.base, close }
}
