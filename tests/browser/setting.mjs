// What the tests of one file share: what the Go test set up, a server that has the page, and a tab of the browser that BROWSER names.

import { after, before } from 'node:test'
import { serve } from './server.mjs'
import { Tab } from './tab.mjs'

export const browser = process.env.BROWSER ?? 'chromium'
export const world = JSON.parse(process.env.WORLD)

/** @type {Tab} */
export let tab
/** @type {Awaited<ReturnType<typeof serve>>} */
export let server

before(async () => {
  server = await serve({ '/fixtures/': world.fixtures, '/': world.dist })
  tab = await Tab.open(browser)
})

after(async () => {
  await tab?.close()
  server?.close()
})
