// Asks the relay of stevedore web from pages of headless Chromium: web.mjs CHROMIUM '{base, token, path, other}'
// Prints what the relay's own page gets, what another site's page gets, and what a typed address shows.

import { createRequire } from 'node:module'

const { chromium } = createRequire(new URL('../js/package.json', import.meta.url))('playwright-core')
const [bin, json] = process.argv.slice(2)
const { base, token, path, other } = JSON.parse(json)

const browser = await chromium.launch({ executablePath: bin, args: ['--no-sandbox'] }) // a sandbox needs another user than root
const ask = async ({ url, token }) => {
  const init = { credentials: 'omit', headers: { 'x-stevedore-relay': token } }
  try {
    const response = await fetch(url, init)
    return { status: response.status, by: response.headers.get('x-stevedore-relay'), text: await response.text() }
  } catch (err) {
    return { error: err.name }
  }
}
const report = {}
try {
  const page = await browser.newPage()
  await page.goto(`${base}/#relay=${token}`)
  report.own = await page.evaluate(ask, { url: base + path, token })
  report.inline = await page.evaluate(() => {
    const script = document.createElement('script')
    try {
      script.text = 'globalThis.ran = true'
      document.head.append(script)
    } catch { /* trusted types */ }
    return Boolean(globalThis.ran)
  })
  const tab = await browser.newPage()
  const typed = tab.waitForResponse(base + path)
  await tab.goto(base + path).catch(() => {}) // the browser shows nothing of it
  report.typed = (await typed).status()
  const elsewhere = await browser.newPage()
  await elsewhere.goto(other)
  report.stranger = await elsewhere.evaluate(ask, { url: base + path, token })
  report.simple = await elsewhere.evaluate(url => fetch(url, { mode: 'no-cors' }).then(r => r.type, err => err.name), base + path)
} finally {
  await browser.close()
}
process.stdout.write(`${JSON.stringify(report)}\n`)
