/** Why a request got no response: kind is network, timeout, refused or unsupported (docs/ABI.md, "fault"). */
export class Fault extends Error {
  /**
   * @param {'network' | 'timeout' | 'refused' | 'unsupported' | 'cancelled'} kind
   * @param {string} text
   * @param {unknown} [cause]
   */
  constructor(kind, text, cause) {
    super(text, cause === undefined ? undefined : { cause })
    this.name = 'Fault'
    this.kind = kind
  }
}
