import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_PAYLOAD, decode, encode, rawMember } from '../frame.js'

test('a frame comes back as it went', () => {
  const payload = new Uint8Array([0, 255, 10])
  const frame = encode({ type: 'body', id: 7, text: 'grüße' }, payload)
  const got = decode(frame)
  assert.deepEqual(got.header, { type: 'body', id: 7, text: 'grüße' })
  assert.deepEqual(got.payload, payload)
  assert.equal(decode(encode({ type: 'x' }, new Uint8Array(MAX_PAYLOAD))).payload.length, MAX_PAYLOAD)
})

test('what is no frame is refused', () => {
  const whole = encode({ type: 'body' })
  const lies = whole.slice()
  new DataView(lies.buffer).setUint32(0, 0xffffffff, true)
  const bad = [new Uint8Array(0), new Uint8Array(3), whole.subarray(0, whole.length - 1), lies, Uint8Array.of(0, 0, 0, 0),
    ...['null', '[]', '1', '{}', '{"type":1}', '{"type":"x"', '"\xff"'].map(raw)]
  for (const frame of bad) assert.throws(() => decode(frame), undefined, `${frame}`)
  assert.throws(() => encode({ type: 'x' }, new Uint8Array(MAX_PAYLOAD + 1)), RangeError)
  assert.throws(() => decode(Uint8Array.from([...whole, ...new Uint8Array(MAX_PAYLOAD + 1)])), RangeError)
})

function raw(text) {
  const frame = new Uint8Array(4 + text.length)
  frame[0] = text.length
  for (let i = 0; i < text.length; i++) frame[4 + i] = text.charCodeAt(i)
  return frame
}

test('the exact text of a member', () => {
  const values = ['12345678901234567890', '"a\\"}\\\\"', '{"10":1,"2":{"x":[1,2,"]"]}}', '[]', 'true', 'null', '-1.50e3', '{}', '"\\u003c"']
  for (const value of values) {
    assert.equal(rawMember(`{"type":"result","call":1,"value":${value}}`, 'value'), value)
    assert.equal(rawMember(` { "text" : "\\"value\\":1" , "value" : ${value} , "stream" : 2 } `, 'value'), value)
  }
  assert.equal(rawMember('{"type":"result","call":1}', 'value'), undefined)
  assert.equal(rawMember('{}', 'value'), undefined)
  assert.equal(rawMember('{"text":{"value":1}}', 'value'), undefined)
})
