// What tests/browser_test.go does in a page. Each check returns what the test then looks at.

import { connect } from '/js/browser.js'

const MODULE = '/bin/stevedore-js.wasm'
const chosen = () => [...document.getElementById('files').files]
const failure = err => ({ kind: err.kind, message: err.message, hint: err.hint })

/** A large archive: read to its end, and cancelled in the middle while another call goes on. */
export async function large({ ref }) {
  const stevedore = await connect(MODULE)
  const stop = new AbortController()
  let progress = 0
  let told = false // the module itself has ended the call
  const cancelled = stevedore.files({ ref }, {
    inputs: chosen(), signal: stop.signal, onMemory: () => { told = true },
    onEvent: event => { if (event.kind === 'progress' && ++progress === 3) stop.abort() },
  }).catch(err => err.kind)
  const beside = (await stevedore.version()).verbs.length
  let memory
  const kind = await cancelled
  const items = await stevedore.files({ ref }, { inputs: chosen(), onMemory: n => { memory = n } })
  stevedore.close()
  return { cancelled: kind, told, beside, paths: items.map(item => item.path), memory }
}

/** Calls at once, each with its own file of the same name; one is left in the middle of its items. */
export async function together({ ref, sizes }) {
  const stevedore = await connect(MODULE)
  const digests = sizes.map(async n => (await stevedore.digest({ file: 'f' }, { inputs: { f: new Blob([new Uint8Array(n)]) } })).digest)
  const whole = stevedore.files({ ref }).text()
  let left
  for await (const item of stevedore.files({ ref })) {
    left = item.path
    break
  }
  const again = await stevedore.files({ ref }).text()
  return { digests: await Promise.all(digests), left, same: again === await whole, files: JSON.parse(again).length }
}

/** What is no module, or nothing at all. */
export async function broken({ sources }) {
  const found = {}
  for (const source of sources) found[source] = await connect(source).then(() => 'connected', failure)
  const worker = () => new Worker('/jsrun/nothing.js', { type: 'module' })
  found.worker = await connect(MODULE, { worker }).then(() => 'connected', failure)
  return found
}

/** The module traps while a call runs: it reads from held, a registry that does not come to the end of a layer. */
export async function trap({ held, ref }) {
  const workers = []
  const worker = () => {
    workers.push(new Worker('/jsrun/trapping.mjs', { type: 'module' }))
    return workers.at(-1)
  }
  const stevedore = await connect(MODULE, { worker })
  const onEvent = ({ kind }) => { if (kind === 'started') workers[0].postMessage('trap') }
  const died = await stevedore.files({ ref: held }, { onEvent }).then(() => undefined, failure)
  return { died, after: (await stevedore.files({ ref })).length, workers: workers.length }
}

/** A registry that wants a password. */
export async function secret({ ref, password }) {
  const stevedore = await connect(MODULE)
  const asked = []
  const digest = credentials => stevedore.digest({ ref }, { credentials }).then(found => found.digest, failure)
  const anonymous = await digest()
  const right = await digest(registry => {
    asked.push(registry)
    return { username: 'user', password }
  })
  return { anonymous, right, asked, wrong: await digest(() => ({ username: 'user', password: 'wrong' })) }
}

/** A registry that lets no page read it, directly and by way of a relay; and another one, to which the relay writes. */
export async function relay({ ref, relay, to }) {
  const stevedore = await connect(MODULE, { relay })
  const direct = await stevedore.inspect({ ref }, { relay: null }).catch(failure)
  const copy = destination => stevedore.copy({ source: ref, destinations: [destination] }).then(done => done.digest, failure)
  const [written, kept] = [await copy(to), await copy(`${ref}-new`)]
  return { direct, relayed: await stevedore.inspect({ ref }).text(), files: (await stevedore.files({ ref })).length, written, kept }
}
