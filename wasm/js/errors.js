/** Exit status of the command line for each kind of error. */
const EXITS = {
  internal: 1, input: 2, not_found: 3, unauthorized: 4, denied: 4, verification: 5, network: 6,
  rate_limited: 6, unsupported: 7, partial: 8, differs: 9, cancelled: 130,
}

/** The error of a verb, the same kinds on every front end. */
export class StevedoreError extends Error {
  /**
   * @param {string} kind
   * @param {string} message
   * @param {{hint?: string, cause?: unknown}} [more]
   */
  constructor(kind, message, { hint = '', cause } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'StevedoreError'
    this.kind = Object.hasOwn(EXITS, kind) ? kind : 'internal'
    this.hint = hint
    this.exit = EXITS[this.kind]
  }

  /** The JSON form that every front end prints: {"error": this}. */
  toJSON() {
    return { kind: this.kind, message: this.message, ...(this.hint && { hint: this.hint }) }
  }
}

/** @param {AbortSignal} [signal] */
export function cancelled(signal) {
  const reason = signal?.reason
  return new StevedoreError('cancelled', `cancelled: ${reason?.message ?? reason ?? 'by the caller'}`, { cause: reason })
}

/** Any value as an Error's text. @param {unknown} err */
export const textOf = err => (err instanceof Error ? err.message : String(err))
