// What the runners of the parity test share: cases in ({verb, request} each), a JSON line a case out.

/** Runs one case on anything that has the interface of load and connect. */
export async function runCase(stevedore, { verb, request }, options) {
  try {
    const call = stevedore.call(verb, request, options)
    return { json: await call.text(), bytes: base64(await call.bytes()) }
  } catch (err) {
    if (!err.kind) throw err
    return { kind: err.kind, message: err.message, hint: err.hint }
  }
}

function base64(bytes) {
  let text = ''
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  return btoa(text)
}
