// A browser that does one thing with the page for each line of standard input, and prints the milliseconds it took:
//   page.mjs URL cold|warm|example|FILE summary|tree|again|longest
// cold is the page in a browser that has never seen it, warm once more; the others end when the summary is there, or all of the tree:
// drawn, of an image that was never read, or again, of one that was. Images are opened in a page that opened nothing before.
// longest is how long the page's own thread was busy at a time at most until all was read and checked, in the words of the browser's
// observer of long tasks, which tells those of 50 ms and more: 50 is none.

import process from 'node:process'
import { createInterface } from 'node:readline'
import { Tab } from '../browser/tab.mjs'

const [url, what, until] = process.argv.slice(2)

/** Ends in the page, so that the way here costs nothing: milliseconds from start, of the page's own clock. */
function reached(until, start) {
  /** The tree says how many files it has once it has all of them, and shows the first ones. */
  const tree = () => /\d files?$/.test(find('st-files')?.shadowRoot.querySelector('[role=status]')?.textContent ?? '') && find('[role=treeitem]')
  return new Promise((resolve, reject) => {
    const look = () => {
      const { session } = document.querySelector('stevedore-inspector')
      if (session.phase === 'failed') return reject(new Error(JSON.stringify(session.problem)))
      if (until === 'summary' ? find('.words') : find('.words') && tree()) requestAnimationFrame(() => resolve(performance.now() - start))
      else requestAnimationFrame(look)
    }
    look()
  })
}

/** From the start of the navigation until there is something to click. */
async function ready(tab) {
  await tab.goto(url)
  await tab.see('h1', 'Look inside')
  return tab.run(() => performance.now())
}

/** Two seconds of looking at the page, before somebody has found a file to choose, or until it has read the image that nobody sees. */
async function seen(tab) {
  await ready(tab)
  await tab.run(() => new Promise(resolve => setTimeout(resolve, 2000)))
  await tab.run(async () => { while (document.querySelectorAll('stevedore-inspector').length > 1) await new Promise(resolve => setTimeout(resolve, 50)) })
}

/** What was waited for is not the end of the work: nobody else's turn comes before that. */
async function over(tab, took) {
  await tab.read()
  return took
}

/** Lets go of what earlier rounds found in the image. */
const unread = tab => tab.run(async () => (await navigator.storage.getDirectory()).removeEntry('stevedore-answers', { recursive: true }).catch(() => {}))

const rounds = {
  async cold() {
    const tab = await Tab.open('chromium')
    const took = await ready(tab)
    await tab.close()
    return took
  },
  async warm(tab) {
    await tab.goto('about:blank')
    return ready(tab)
  },
  async example(tab) {
    await tab.goto('about:blank')
    await seen(tab)
    await unread(tab)
    await tab.run(() => { globalThis.start = performance.now(); find('#example').click() })
    return over(tab, await tab.run(reached, until, await tab.run(() => globalThis.start)))
  },
  async longest(tab) {
    await tab.goto('about:blank')
    await seen(tab)
    await unread(tab)
    await tab.run(() => {
      globalThis.longest = 50
      new PerformanceObserver(list => { for (const { duration } of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, duration) }).observe({ type: 'longtask' })
    })
    await tab.driver.choose('#file', what)
    await tab.read('done', 300_000)
    return tab.run(() => globalThis.longest)
  },
  async file(tab) {
    await tab.goto('about:blank')
    await seen(tab)
    if (until !== 'again') await unread(tab)
    await tab.run(() => {
      find('#file').addEventListener('change', () => { globalThis.start = performance.now() }, { capture: true, once: true })
    })
    await tab.driver.choose('#file', what)
    return over(tab, await tab.run(reached, until, await tab.run(() => globalThis.start)))
  },
}

const tab = what === 'cold' ? undefined : await Tab.open('chromium')
const round = rounds[what] ?? rounds[until] ?? rounds.file
if (until === 'again') {
  await round(tab)
  await tab.run(() => new Promise(resolve => setTimeout(resolve, 1000))) // it is kept a moment later
}
for await (const _ of createInterface({ input: process.stdin })) process.stdout.write(`${await round(tab)}\n`)
await tab?.close()
