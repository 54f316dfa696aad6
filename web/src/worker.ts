// What runs in the page's Worker.

import { serve } from '../../wasm/js/serve.js'
import { LayersPacker } from './packer.js'

serve({ layers: () => new LayersPacker() })
