// Runs one of checks.mjs in a page of headless Chromium: page.mjs CHROMIUM BIN_FOLDER CHECK ARGS [FILE]...
// The page gets the files as a user chooses them. Prints what the check returns, and the peak memory of the page's process.

import { readFile } from 'node:fs/promises'
import { open } from './browser.mjs'

const [bin, folder, check, args, ...files] = process.argv.slice(2)

/** Bytes that the page's process, Worker included, had in memory at most. */
async function peak(browser) {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  const of = async ({ id }) => Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${id}/status`, 'utf8'))?.[1]) * 1024
  return Math.max(...(await Promise.all(processInfo.filter(p => p.type === 'renderer').map(of))))
}

const { page, browser, close } = await open(bin, { '/bin/': `${folder}/` })
try {
  await page.locator('#files').setInputFiles(files)
  const value = await page.evaluate(async ({ check, args }) => (await import('/jsrun/checks.mjs'))[check](args), { check, args: JSON.parse(args) })
  process.stdout.write(JSON.stringify({ value, peak: await peak(browser) }) + '\n')
} finally {
  await close()
}
