import { claimRelay } from '../../wasm/js/relay.js'
import { engine, scriptUrl, useRelay } from './engine.js'
import './inspector.js'
import type { Inspector } from './inspector.js'
import { warm } from './warm.js'

const relay = claimRelay()
useRelay(relay)
const started = engine().catch(() => {}) // it loads while the page is read; what fails is told when it is needed

// A page with a relay is that of a server on this machine, which needs no network and has another address each time: what
// would be kept for it would never be asked for again.
if (import.meta.env.PROD && !relay && 'serviceWorker' in navigator) {
  void started.then(() => navigator.serviceWorker.register(scriptUrl(new URL('./offline.js', location.href).href))).catch(() => {}) // not everywhere may one be kept
}

const inspector = document.createElement('stevedore-inspector') as Inspector
inspector.toggleAttribute('page', true)
const opened = new AbortController()
inspector.session.addEventListener('change', () => { if (inspector.session.busy) opened.abort() })
document.body.append(inspector)
void started.then(e => e && warm(opened.signal)).catch(() => {}) // then the first image takes longer
