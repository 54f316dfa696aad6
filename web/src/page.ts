import './inspector.js'

const inspector = document.createElement('stevedore-inspector')
inspector.toggleAttribute('page', true)
document.body.append(inspector)
