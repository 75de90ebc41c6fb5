import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { SopClassUid, TransferSyntaxUid } from '../../src/dicom/uid.ts'
import { encodeCommandSet, parseCommandSet } from '../../src/dimse/command-set.ts'
import { answerContexts, answerRoles, answersOffer, mayBeStorage } from '../../src/dimse/negotiation.ts'
import { peerAddress } from '../../src/dimse/peer-address.ts'
import { BIG_ENDIAN, CT, EXPLICIT, IMPLICIT, JPEG_2000 } from '../support/dimse-bytes.ts'
import { uid } from '../support/dimse-requests.ts'

describe('which SOP classes may be stored', () => {
  test.each([
    [CT, true],
    ['1.2.840.10008.5.1.4.1.1.88.67', true],
    ['1.2.840.10008.5.1.4.1.1.200.1', true],
    ['1.2.840.10008.5.1.4.34.7', true],
    ['1.2.840.10008.5.1.4.38.1', true],
    ['1.2.840.10008.5.1.4.39.1', true],
    ['1.2.840.10008.5.1.1.30', true],
    ['1.3.12.2.1107.5.9.1', true],
    ['1.2.840.113619.4.30', true],
    ['1.2.840.10008.1.1', false],
    ['1.2.840.10008.1.20.1', false],
    ['1.2.840.10008.3.1.2.3.3', false],
    ['1.2.840.10008.5.1.1.9', false],
    ['1.2.840.10008.5.1.4.1.2.2.1', false],
    ['1.2.840.10008.5.1.4.1.1.200.4', false],
    ['1.2.840.10008.5.1.4.31', false],
    ['1.2.840.10008.5.1.4.32.1', false],
    ['1.2.840.10008.5.1.4.34.6.1', false],
    ['1.2.840.10008.5.1.4.37.1', false],
    ['1.2.840.10008.5.1.4.38.2', false],
    ['', false],
    ['not a uid', false],
  ])('%s: %p', (sopClass, may) => expect(mayBeStorage(sopClass)).toBe(may))
})

describe('which transfer syntax is answered', () => {
  const answer = (offered: readonly string[], prefer: readonly string[] = []) =>
    answerContexts([{ id: 7, abstractSyntax: CT, transferSyntaxes: offered }], {
      serves: (abstractSyntax) => abstractSyntax === CT,
      prefer: prefer.map((each) => uid(each)),
    })[0]
  test.each([
    ['the only one', [JPEG_2000], [], JPEG_2000],
    ['a private one', ['1.2.3.4'], [], '1.2.3.4'],
    ['the first of several uncompressed', [EXPLICIT, IMPLICIT], [], EXPLICIT],
    ['uncompressed before compressed', [JPEG_2000, BIG_ENDIAN], [], BIG_ENDIAN],
    ['what the caller is set to', [EXPLICIT, JPEG_2000], ['1.2.9', JPEG_2000], JPEG_2000],
    ['the first, when none is what the caller is set to', [EXPLICIT], [JPEG_2000], EXPLICIT],
  ])('%s', (_title, offered, prefer, expected) =>
    expect(answer(offered, prefer)).toEqual({ id: 7, result: 0, transferSyntax: expected }),
  )
  test('none that could be one is answered 4', () => {
    expect(answer([])).toEqual({ id: 7, result: 4 })
    expect(answer(['', 'x'])).toEqual({ id: 7, result: 4 })
  })
  test('an abstract syntax that nobody serves is answered 3', () => {
    const policy = { serves: () => false }
    const offered = [{ id: 1, abstractSyntax: CT, transferSyntaxes: [EXPLICIT] }]
    expect(answerContexts(offered, policy)).toEqual([{ id: 1, result: 3 }])
  })
})

test('what we answer to any offer fits that offer', () => {
  const offered = fc.uniqueArray(
    fc.record({
      id: fc.nat(127).map((n) => n * 2 + 1),
      abstractSyntax: fc.constantFrom(CT, '1.2.3', '1.2.840.10008.1.1', ''),
      transferSyntaxes: fc.array(fc.constantFrom(EXPLICIT, IMPLICIT, JPEG_2000, ''), { maxLength: 4 }),
    }),
    { selector: (each) => each.id, maxLength: 128 },
  )
  fc.assert(
    fc.property(offered, (contexts) => {
      const answers = answerContexts(contexts, { serves: mayBeStorage })
      expect(answers.map((each) => each.id)).toEqual(contexts.map((each) => each.id))
      expect(answersOffer(contexts, answers)).toBe(true)
    }),
  )
})

test('a role is answered only where it was proposed and the context accepted, and never as SCP', () => {
  const contexts = [{ id: 1, abstractSyntax: uid<SopClassUid>(CT), transferSyntax: uid<TransferSyntaxUid>(EXPLICIT) }]
  const proposed = [
    { sopClass: CT, scu: true, scp: true },
    { sopClass: '1.2.3', scu: true, scp: false },
  ]
  expect(answerRoles([], contexts)).toEqual([])
  expect(answerRoles(proposed, contexts)).toEqual([{ sopClass: CT, scu: true, scp: false }])
})

test.each([
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['::FFFF:10.1.2.3', '10.1.2.3'],
  ['10.1.2.3', '10.1.2.3'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::1', '::1'],
  [undefined, 'unknown'],
])('peer address %s is %s', (address, expected) => expect(peerAddress(address)).toBe(expected))

describe('command sets', () => {
  test('what is written can be read, with its group length', () => {
    const bytes = encodeCommandSet([
      [0x0002, '1.2.3'],
      [0x0100, 1],
      [0x0902, 'odd'],
    ])
    expect(bytes.readUInt32LE(8)).toBe(bytes.length - 12)
    expect(bytes.length % 2).toBe(0)
    const command = parseCommandSet(bytes)
    expect([command.text(2), command.us(0x0100), command.text(0x0902), command.us(0x0110)]).toEqual([
      '1.2.3',
      1,
      'odd',
      undefined,
    ])
  })

  test('any bytes are read or refused, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          parseCommandSet(Buffer.from(bytes))
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-pdu' })
        }
      }),
    )
  })

  const element = (group: number, number: number, length: number, value: Buffer = Buffer.alloc(length)): Buffer => {
    const header = Buffer.alloc(8)
    header.writeUInt16LE(group)
    header.writeUInt16LE(number, 2)
    header.writeUInt32LE(length, 4)
    return Buffer.concat([header, value])
  }
  test.each([
    ['another group', element(8, 0x16, 2)],
    ['elements out of order', Buffer.concat([element(0, 0x110, 2), element(0, 0x100, 2)])],
    ['an element twice', Buffer.concat([element(0, 0x100, 2), element(0, 0x100, 2)])],
    ['an element longer than the set', element(0, 0x100, 0xfffffff0, Buffer.alloc(2))],
    ['a header cut off', element(0, 0x100, 2).subarray(0, 7)],
  ])('%s is refused', (_title, bytes) => expect(() => parseCommandSet(bytes)).toThrow())
  test('a US of four bytes is refused', () => {
    expect(() => parseCommandSet(element(0, 0x100, 4)).commandField).toThrow('two bytes')
  })
})
