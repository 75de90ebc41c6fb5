import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { IMPLEMENTATION_CLASS_UID } from '../../src/dicom/identity.ts'
import { isWritableUid } from '../../src/dicom/uid.ts'
import { encodeAssociateAc, encodeAssociateRq } from '../../src/dimse/associate-encode.ts'
import { parseAssociateAc, parseAssociateRq } from '../../src/dimse/associate-pdu.ts'
import { parseCommandSet } from '../../src/dimse/command-set.ts'
import { IMPLEMENTATION_VERSION_NAME } from '../../src/dimse/identity.ts'
import { corpusDir, corpusFiles, describeWithCorpus, testWithCorpus } from '../support/corpus.ts'
import { CT, EXPLICIT, IMPLICIT, VERIFICATION } from '../support/dimse-bytes.ts'
import { processorMs } from '../support/processor-time.ts'
import { associateBody, context, item, userInformation } from '../support/raw-peer.ts'

const corpusPdu = (name: string): Buffer => readFileSync(join(corpusDir() ?? '', 'pdu', name))

describe('what we write we can read', () => {
  test('A-ASSOCIATE-RQ', () => {
    const contexts = [
      { id: 1, abstractSyntax: VERIFICATION, transferSyntaxes: [IMPLICIT] },
      { id: 3, abstractSyntax: CT, transferSyntaxes: [EXPLICIT, IMPLICIT] },
    ]
    const roles = [{ sopClass: CT, scu: false, scp: true }]
    const fields = {
      calledAe: 'ARCHIVE',
      callingAe: 'KURIR',
      contexts,
      maxPduLength: 131_072,
      roles,
      asyncWindow: false,
    }
    expect(parseAssociateRq(encodeAssociateRq(fields).subarray(6))).toEqual({
      protocolVersion: 1,
      calledAe: 'ARCHIVE         ',
      callingAe: 'KURIR           ',
      applicationContext: '1.2.840.10008.3.1.1.1',
      contexts,
      user: {
        maxPduLength: 131_072,
        roles,
        asyncWindow: false,
        implementationClassUid: IMPLEMENTATION_CLASS_UID,
        implementationVersion: IMPLEMENTATION_VERSION_NAME,
      },
    })
  })

  test('A-ASSOCIATE-AC, with an operations window of one each way when one was asked for', () => {
    const contexts = [
      { id: 5, result: 0, transferSyntax: IMPLICIT },
      { id: 1, result: 3, transferSyntax: '' },
    ]
    const fields = { calledAe: 'K', callingAe: 'A', contexts, maxPduLength: 0, roles: [], asyncWindow: true }
    const bytes = encodeAssociateAc(fields)
    expect(bytes.includes(Buffer.from([0x53, 0, 0, 4, 0, 1, 0, 1]))).toBe(true)
    expect(parseAssociateAc(bytes.subarray(6))).toMatchObject({
      contexts,
      user: { maxPduLength: 0, asyncWindow: true },
    })
  })

  test('our own identity is fit to be written', () => {
    expect(isWritableUid(IMPLEMENTATION_CLASS_UID)).toBe(true)
    expect(IMPLEMENTATION_VERSION_NAME.length).toBeLessThanOrEqual(16)
  })
})

test('an AE title is sixteen characters whatever it is given', () => {
  const fields = {
    calledAe: 'A'.repeat(40),
    callingAe: '',
    contexts: [],
    maxPduLength: 0,
    roles: [],
    asyncWindow: false,
  }
  expect(parseAssociateRq(encodeAssociateRq(fields).subarray(6)).calledAe).toBe('A'.repeat(16))
})

test('items that nobody knows, user identity and extended negotiation are read over', () => {
  const user = userInformation(16_384, item(0x58, 'secret'), item(0x56, 'x'), item(0x57, 'y'), item(0x99, 'z'))
  const body = associateBody({ items: [item(0x77, 'unknown'), context(1, [CT], [EXPLICIT]), user] })
  const parsed = parseAssociateRq(body)
  expect(parsed.contexts).toHaveLength(1)
  expect(JSON.stringify(parsed)).not.toContain('secret')
})

test('rows of spaces in every item of a megabyte are read in a moment: nobody has been admitted yet', () => {
  const spaces = `x${' '.repeat(65_000)}x`
  const body = associateBody({
    items: [
      ...Array.from({ length: 12 }, () => item(0x10, spaces)),
      context(1, [spaces], []),
      context(3, [CT], [spaces]),
      userInformation(0, item(0x55, spaces.slice(500))),
    ],
  })
  expect(processorMs(() => parseAssociateRq(body))).toBeLessThan(1_000)
})

test.each(['', 'a', Buffer.from([0, 9, 0x31, 0, 0]), Buffer.from([0, 1, 0x31, 0])])(
  'a role selection of the wrong length is malformed: %p',
  (value) => {
    const body = associateBody({ items: [context(1, [CT], [EXPLICIT]), userInformation(0, item(0x54, value))] })
    expect(() => parseAssociateRq(body)).toThrow('role selection')
  },
)

describeWithCorpus('PDUs of other makers', () => {
  const named = (prefix: string): readonly string[] =>
    corpusFiles('pdu')
      .map((file) => file.name.replace(/^pdu\//, ''))
      .filter((name) => name.startsWith(prefix))

  testWithCorpus('every A-ASSOCIATE-RQ and -AC is read', () => {
    let read = 0
    for (const name of named('pdu_items.a_associate')) {
      const bytes = corpusPdu(name)
      const parse = bytes[0] === 1 ? parseAssociateRq : parseAssociateAc
      expect([name, parse(bytes.subarray(6)).contexts.length > 0]).toEqual([name, true])
      read += 1
    }
    expect(read).toBeGreaterThan(6)
  })

  testWithCorpus('a role, a password and an extended negotiation are where they should be', () => {
    expect(parseAssociateRq(corpusPdu('pdu_items.a_associate_rq_role.bin').subarray(6)).user.roles).toHaveLength(1)
    const secret = parseAssociateRq(corpusPdu('pdu_items.a_associate_rq_user_id_user_pass.bin').subarray(6))
    expect(Object.keys(secret.user).sort()).toEqual(
      ['asyncWindow', 'implementationClassUid', 'implementationVersion', 'maxPduLength', 'roles'].sort(),
    )
  })

  testWithCorpus('every command set is read, and says which command it is', () => {
    let read = 0
    for (const name of named('dimse').filter((each) => each.includes('_cmd'))) {
      // The first byte is the message control header.
      const command = parseCommandSet(corpusPdu(name).subarray(1))
      expect([name, command.commandField > 0]).toEqual([name, true])
      read += 1
    }
    expect(read).toBeGreaterThan(12)
  })
})
