// Squarified treemaps: Bruls, Huizing and van Wijk, "Squarified Treemaps", 2000.

export interface Box { x: number; y: number; w: number; h: number }

/**
 * Cuts a box into one for each weight, as near to squares as it goes. Weights are positive, the largest first; where they are
 * less than the total together, the rest of the box stays free.
 */
export function squarify(weights: number[], total: number, box: Box): Box[] {
  const scale = total > 0 ? (box.w * box.h) / total : 0
  const out: Box[] = []
  let { x, y, w, h } = box
  for (let i = 0; i < weights.length; ) {
    const side = Math.min(w, h)
    let end = i + 1
    let area = weights[i]! * scale
    let worst = ratio(area, area, area, side)
    for (; end < weights.length; end++) {
      const more = area + weights[end]! * scale
      const next = ratio(weights[i]! * scale, weights[end]! * scale, more, side)
      if (next > worst) break
      area = more
      worst = next
    }
    const thick = side > 0 ? area / side : 0
    let along = 0
    for (; i < end; i++) {
      const length = thick > 0 ? (weights[i]! * scale) / thick : 0
      out.push(w >= h ? { x, y: y + along, w: thick, h: length } : { x: x + along, y, w: length, h: thick })
      along += length
    }
    if (w >= h) {
      x += thick
      w -= thick
    } else {
      y += thick
      h -= thick
    }
  }
  return out
}

/** The worst aspect ratio in a row whose largest and smallest areas are given. */
function ratio(largest: number, smallest: number, area: number, side: number): number {
  const s = side * side
  return Math.max((s * largest) / (area * area), (area * area) / (s * smallest))
}
