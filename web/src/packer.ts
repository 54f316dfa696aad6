import type { Packer } from '../../wasm/js/serve.js'
import type { LayerItem, LayersItem } from '../../wasm/js/verbs.js'
import { type Kind, MERGED, type Piece, Recorder } from './record.js'

/** What the page gets of a call of layers in place of its items. */
export interface Batch {
  pieces: Piece[]
  /** those that the pieces are the first to have */
  kinds: Kind[]
  layers: LayerItem[]
}

/** Packs the items of one call of layers. */
export class LayersPacker implements Packer {
  #recorder = new Recorder()

  pack(lines: string): { value: Batch; transfer: ArrayBuffer[] } {
    const layers: LayerItem[] = []
    for (let from = 0, to = lines.indexOf('\n'); to >= 0; from = to + 1, to = lines.indexOf('\n', from)) {
      const { layer, entry, file } = JSON.parse(lines.slice(from, to)) as LayersItem
      if (layer) layers.push(layer)
      if (entry) this.#recorder.add(entry.layer, entry)
      if (file) this.#recorder.add(MERGED, file)
    }
    const { pieces, kinds } = this.#recorder.take()
    return { value: { pieces, kinds, layers }, transfer: pieces.map(p => p.bytes.buffer) }
  }
}
