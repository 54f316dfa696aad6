// Runs a module in a page of headless Chromium: chromium.mjs CHROMIUM stevedore-js.wasm cases.json DIR
// stevedore-js.wasm runs in a Worker of the page, stevedore.wasm in the page itself. The inputs are files that are chosen.

import { readFile, readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { open } from './browser.mjs'

const [bin, wasm, cases, dir] = process.argv.slice(2)

const { page, close } = await open(bin, { '/bin/': dirname(wasm) })
try {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) await page.locator('#folder').setInputFiles(join(dir, entry.name))
  }
  const files = (await readdir(dir, { withFileTypes: true })).filter(e => e.isFile()).map(e => join(dir, e.name))
  await page.locator('#files').setInputFiles(files)
  const lines = await page.evaluate(async ({ cases, wasm }) => {
    const { runCase } = await import('/jsrun/cases.mjs')
    const load = wasm === 'stevedore.wasm'
      ? async url => (await import('/js/index.js')).load(fetch(url))
      : async url => (await import('/js/browser.js')).connect(url)
    const stevedore = await load(`/bin/${wasm}`)
    const inputs = ['folder', 'files'].flatMap(id => [...document.getElementById(id).files])
    const results = []
    for (const c of cases) results.push(JSON.stringify(await runCase(stevedore, c, { inputs })))
    stevedore.close()
    return results
  }, { cases: JSON.parse(await readFile(cases, 'utf8')), wasm: basename(wasm) })
  process.stdout.write(lines.join('\n') + '\n')
} finally {
  await close()
}
