// What runs in the page's Worker.

/*! zip-module.wasm is of zip.js, copyright Gildas Lormeau, BSD-3-Clause (https://github.com/gildas-lormeau/zip.js/blob/master/LICENSE),
and holds zlib, copyright Jean-loup Gailly and Mark Adler (https://zlib.net/zlib_license.html). */

import zlib from '@zip.js/zip.js/dist/zip-module.wasm?url'
import { createSHA256 } from 'hash-wasm'
import { serve } from '../../wasm/js/serve.js'
import { LayersPacker } from './packer.js'

serve({ layers: () => new LayersPacker() }, { zlib, sha256: createSHA256 })
