// The module that does the work, loaded once and when first needed.

import moduleUrl from '../../bin/stevedore.wasm?url'
import { load } from '../../wasm/js/index.js'
import type { Verbs } from '../../wasm/js/verbs.js'

export interface Happening {
  kind: 'started' | 'progress' | 'finished' | 'warning' | 'retry'
  subject?: string
  done?: number
  total?: number
  message?: string
}

export interface Options {
  inputs?: Record<string, Blob>
  signal?: AbortSignal
  onEvent?: (event: Happening) => void
  output?: (name: string, bytes: Uint8Array<ArrayBuffer>) => void
  credentials?: (registry: string) => Promise<{ username?: string; password?: string; token?: string } | undefined>
}

type Call<F> = F extends (request: infer R, options?: never) => infer O ? (request: R, options?: Options) => O : never
export type Engine = { [V in keyof Verbs]: Call<Verbs[V]> } & { release: string }

let loaded: Promise<Engine> | undefined

export function engine(): Promise<Engine> {
  loaded ??= load(fetch(moduleUrl)) as unknown as Promise<Engine>
  loaded.catch(() => { loaded = undefined })
  return loaded
}
