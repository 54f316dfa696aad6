// The module that does the work. It runs in a Worker, is loaded once and when first needed.

import writingUrl from '../../bin/stevedore-js.wasm?url'
import moduleUrl from '../../bin/stevedore-js-read.wasm?url'
import execUrl from '../../bin/wasm_exec.js?url'
import { connect, type BrowserOptions, type Relay } from '../../wasm/js/browser.js'
import type { Stevedore } from '../../wasm/js/index.js'
import workerUrl from './worker.js?worker&url'

export type Engine = Stevedore<BrowserOptions>
export type { BrowserOptions, Relay }

let relay: Relay | undefined

/** Where registries are read through that let no page read them; has to be known before the module starts. */
export function useRelay(way: Relay | undefined): void {
  relay = way
}

/** Which build the module is: its file is named for its content. Nothing while the page is developed. */
export const build = import.meta.env.PROD ? moduleUrl.split('/').at(-1)! : ''

let loaded: Promise<Engine> | undefined

/** Starts the module, or returns the one that runs. */
export function engine(): Promise<Engine> {
  loaded ??= start(moduleUrl, 'stevedore')
  loaded.catch(() => { loaded = undefined })
  return loaded
}

/** Starts the module that writes as well, which is larger, in a Worker of its own. Whoever asks for it closes it. */
export const startCopier = (): Promise<Engine> => start(writingUrl, 'stevedore-copy')

const absolute = (url: string): string => new URL(url, import.meta.url).href

function start(url: string, name: string): Promise<Engine> {
  return connect(absolute(url), {
    exec: absolute(execUrl),
    relay: relay ?? null,
    keep: true,
    worker: () => new Worker(scriptUrl(absolute(workerUrl)), { type: 'module', name }),
  })
}

/** A Worker has to be of the page's own origin: where the element is loaded from another one, a script that loads it is. */
function workerScript(url: string): string {
  if (new URL(url).origin === location.origin) return url
  return URL.createObjectURL(new Blob([`import ${JSON.stringify(url)}`], { type: 'text/javascript' }))
}

interface Policies {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string }
}

let policy: { createScriptURL(url: string): string } | undefined

/** A URL that this code makes a script of, for pages that demand to be told (trusted types). */
export function scriptUrl(url: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: Policies }
  policy ??= trustedTypes ? trustedTypes.createPolicy('stevedore', { createScriptURL: workerScript }) : { createScriptURL: workerScript }
  return policy.createScriptURL(url)
}
