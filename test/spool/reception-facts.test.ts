import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { encodeReception, readReception } from '../../src/spool/reception-facts.ts'
import { reception } from '../support/spool-on-disk.ts'

test('a reception reads back as it was written, in an even number of bytes', () => {
  const name = fc.option(fc.string({ maxLength: 16 }))
  fc.assert(
    fc.property(name, name, (callingAe, peer) => {
      const facts = { ...reception, callingAe, peer }
      const bytes = encodeReception(facts)
      expect(bytes.length % 2).toBe(0)
      expect(readReception(bytes)).toEqual(facts)
    }),
  )
})

test.each(['', 'null', '[]', '{', '{"version":2}', '{"version":1,"at":"x"}', '{"version":1,"at":1,"door":"SIDE"}'])(
  'what is no reception of ours is none: %s',
  (text) => {
    expect(readReception(Buffer.from(text))).toBeUndefined()
  },
)

test('a fact of another type is unknown rather than believed', () => {
  const bytes = Buffer.from('{"version":1,"at":5,"door":"STOW","callingAe":7,"peer":{}}')
  expect(readReception(bytes)).toMatchObject({ at: 5, door: 'STOW', callingAe: null, peer: null })
})
