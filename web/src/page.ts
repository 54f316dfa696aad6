import { claimRelay } from '../../wasm/js/relay.js'
import { engine, useRelay } from './engine.js'
import './inspector.js'

useRelay(claimRelay())
void engine().catch(() => {}) // it loads while the page is read; what fails is told when it is needed

const inspector = document.createElement('stevedore-inspector')
inspector.toggleAttribute('page', true)
document.body.append(inspector)
