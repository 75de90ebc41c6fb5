import { createHmac } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { EXPLICIT_VR_LITTLE_ENDIAN } from '../../src/dicom/transfer-syntax.ts'
import { isWritableUid } from '../../src/dicom/uid.ts'
import { decide, explain } from '../../src/rules/decide.ts'
import { mappedUid } from '../../src/rules/uid-verb.ts'
import { encode, type MadeElement } from '../dicom/random-data-set.ts'
import { EXPLICIT, factsOf, rewritten, sequence, text, textsOf } from './instance.ts'
import { factsFrom, KEYS, rulesetOf } from './support.ts'

const KEY = KEYS.get('veil') ?? Buffer.alloc(0)
const mapped = (uid: string): string => mappedUid(uid, KEY)
const hmac = (value: string, length = 64): string =>
  createHmac('sha256', KEY).update(value).digest('hex').slice(0, length)

const STUDY = text(0x0020000d, 'UI', '1.2.3.4')
const SERIES = text(0x0020000e, 'UI', '1.2.3.4.5')
const SOP = text(0x00080018, 'UI', '1.2.3.4.5.6')
const FRAME = text(0x00200052, 'UI', '1.2.3.9')
const ALL = '{ uid: { of: [StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID, FrameOfReferenceUID], key: veil } }'
const inOrder = (...elements: readonly MadeElement[]): readonly MadeElement[] =>
  [...elements].sort((a, b) => a.tag - b.tag)

test('what stood for a value last year stands for it today, on any machine', async () => {
  const { header } = await rewritten(
    '{ uid: { of: [StudyInstanceUID], key: veil } }, { hash: { of: [PatientID], key: veil, length: 20 } }',
    [
      text(0x00080005, 'CS', 'ISO_IR 100'),
      text(0x00100020, 'LO', 'Sari é'),
      text(0x0020000d, 'UI', '1.2.840.113619.2.55.3'),
    ],
  )
  // Worked out apart from this code: neither may ever change.
  expect(textsOf(header)).toMatchObject({
    '00100020': '54ffbce0a0365db45cf7',
    '0020000d': '2.25.239960479082006962620609789045433927948',
  })
})

describe('the verb hash', () => {
  test('puts an HMAC-SHA-256 in the place of each value, as much of it as was asked for', async () => {
    const { header } = await rewritten('{ hash: { of: [PatientID, OtherPatientIDs], key: veil, length: 16 } }', [
      text(0x00100020, 'LO', ' 0012'),
      text(0x00101000, 'LO', 'A\\B'),
    ])
    expect(textsOf(header)).toEqual({ '00100020': hmac('0012', 16), '00101000': `${hmac('A', 16)}\\${hmac('B', 16)}` })
  })

  test('leaves what has no value without one, and makes nothing', async () => {
    const { forward } = await rewritten('{ hash: { of: [PatientID, PatientName], key: veil } }', [
      text(0x00100020, 'LO', ''),
    ])
    expect(forward?.edits).toEqual([])
  })

  test('takes every group of a name away', async () => {
    const name = text(0x00100010, 'PN', 'SARI^DEWI=莎麗=サリ', 'utf8')
    const { header } = await rewritten('{ hash: { of: [PatientName], key: veil, length: 20 } }', [
      text(0x00080005, 'CS', 'ISO_IR 192'),
      name,
    ])
    expect(textsOf(header)['00100010']).toBe(hmac('SARI^DEWI', 20))
  })

  test('reaches into sequences, and another key gives another hash', async () => {
    const elements = [sequence(0x00400275, [text(0x00401001, 'SH', 'P1')], [text(0x00401001, 'SH', 'P2')])]
    const hash = (key: string) =>
      `{ hash: { of: [RequestAttributesSequence.RequestedProcedureID], key: ${key}, length: 12 } }`
    const one = textsOf((await rewritten(hash('veil'), elements)).header)
    expect(one['00400275[0].00401001']).toBe(hmac('P1', 12))
    expect(one['00400275[1].00401001']).toBe(hmac('P2', 12))
    expect(textsOf((await rewritten(hash('mask'), elements)).header)['00400275[0].00401001']).not.toBe(hmac('P1', 12))
  })

  test('holds what a received VR cannot take', async () => {
    const { decision } = await rewritten('{ hash: { of: [PatientID], key: veil } }', [text(0x00100020, 'SH', '12')])
    expect(decision.holds[0]?.reason).toBe('rewrite: PatientID is 64 characters; SH holds 16')
  })
})

describe('the verb uid', () => {
  test('gives new UIDs, the same for the same, everywhere in the family and under whatever name they leave', async () => {
    const { header, forward } = await rewritten(
      ALL,
      inOrder(
        SOP, STUDY, SERIES, FRAME,
        text(0x00080016, 'UI', '1.2.840.10008.5.1.4.1.1.2'),
        sequence(0x00081140, [text(0x00081150, 'UI', '1.2.840.10008.5.1.4.1.1.2'), text(0x00081155, 'UI', '7.7')]),
        sequence(0x30060010, [
          text(0x00200052, 'UI', '1.2.3.9'),
          sequence(0x30060012, [
            text(0x00081155, 'UI', '1.2.3.4'),
            sequence(0x30060014, [text(0x0020000e, 'UI', '8.8'), sequence(0x30060016, [text(0x00081155, 'UI', '8.8.1')])]),
          ]),
        ]),
        text(0x30060024, 'UI', '1.2.3.9'),
      ),
    )
    expect(textsOf(header)).toMatchObject({
      '00080016': '1.2.840.10008.5.1.4.1.1.2',
      '00080018': mapped('1.2.3.4.5.6'),
      '0020000d': mapped('1.2.3.4'),
      '0020000e': mapped('1.2.3.4.5'),
      '00200052': mapped('1.2.3.9'),
      '00081140[0].00081150': '1.2.840.10008.5.1.4.1.1.2',
      '00081140[0].00081155': mapped('7.7'),
      '30060010[0].00200052': mapped('1.2.3.9'),
      '30060010[0].30060012[0].00081155': mapped('1.2.3.4'),
      '30060010[0].30060012[0].30060014[0].0020000e': mapped('8.8'),
      '30060010[0].30060012[0].30060014[0].30060016[0].00081155': mapped('8.8.1'),
      '30060024': mapped('1.2.3.9'),
    })
    expect(forward?.sopInstanceUid).toBe(mapped('1.2.3.4.5.6'))
  }) // biome-ignore format: a table

  test('maps the families that are named and no others', async () => {
    const { header, forward } = await rewritten(
      '{ uid: { of: [StudyInstanceUID], key: veil } }',
      inOrder(
        SOP,
        STUDY,
        SERIES,
        sequence(0x00081110, [text(0x00081155, 'UI', '5.5')]),
        sequence(0x00081140, [text(0x00081155, 'UI', '7.7')]),
      ),
    )
    expect(textsOf(header)).toMatchObject({
      '00080018': '1.2.3.4.5.6',
      '0020000e': '1.2.3.4.5',
      '0020000d': mapped('1.2.3.4'),
      '00081110[0].00081155': mapped('5.5'),
      '00081140[0].00081155': '7.7',
    })
    expect(forward?.sopInstanceUid).toBe('1.2.3.4.5.6')
  })

  test('maps any other UID that is the same, a private one too, and UIDs of studies that a report names', async () => {
    const item = (code: string, uid: string): readonly MadeElement[] => [
      sequence(0x0040a043, [text(0x00080100, 'SH', code)]),
      text(0x0040a124, 'UI', uid),
    ]
    const { header } = await rewritten(
      ALL,
      inOrder(
        SOP, STUDY, SERIES, text(0x00090010, 'LO', 'ACME'), text(0x00091001, 'UI', '1.2.3.4'), text(0x00091002, 'UI', '4.4'),
        sequence(0x0040a730, item('121018', '6.6'), item('112002', '6.6.1'), item('112040', '6.6.2'), item('112040', '1.2.3.4')),
      ),
    )
    expect(textsOf(header)).toMatchObject({
      '00091001': mapped('1.2.3.4'),
      '00091002': '4.4',
      '0040a730[0].0040a124': mapped('6.6'),
      '0040a730[1].0040a124': mapped('6.6.1'),
      '0040a730[2].0040a124': '6.6.2',
      '0040a730[3].0040a124': mapped('1.2.3.4'),
    })
  }) // biome-ignore format: a table

  test('leaves UIDs of the Standard, and holds what claims one for itself', async () => {
    const standard = '1.2.840.10008.1.4.1.1'
    const { header } = await rewritten(ALL, inOrder(SOP, STUDY, text(0x00200052, 'UI', standard)))
    expect(textsOf(header)['00200052']).toBe(standard)
    const { decision } = await rewritten(ALL, inOrder(SOP, text(0x0020000d, 'UI', '1.2.840.10008.7')))
    expect(decision.holds[0]?.reason).toBe(
      'rewrite: StudyInstanceUID is a UID of the Standard itself, which means something else',
    )
  })

  test('of an instance whose data set does not say it goes into what is said beside it', async () => {
    expect((await rewritten(ALL, [STUDY])).forward?.sopInstanceUid).toBe(mapped('1.2.3'))
  })

  test('sees what verbs before it wrote, and verbs behind it see the new one', async () => {
    const { header } = await rewritten(
      `{ set: { FrameOfReferenceUID: 3.3 } }, ${ALL}, { set: { PatientComments: "{StudyInstanceUID}" } }`,
      inOrder(SOP, STUDY),
    )
    expect(textsOf(header)).toMatchObject({ '00200052': mapped('3.3'), '00104000': mapped('1.2.3.4') })
  })

  test('holds where UIDs may stand in what was too large to keep, unless that is removed', async () => {
    const many = Array.from({ length: 30_000 }, (_, i) => [text(0x00081155, 'UI', `1.9.${i}`)])
    const elements = inOrder(SOP, STUDY, sequence(0x00081140, ...many))
    const { decision } = await rewritten(ALL, elements)
    expect(decision.holds[0]?.reason).toBe(
      'rewrite: ReferencedImageSequence is too large, so UIDs in it cannot be changed; a rewrite may remove it',
    )
    const { header } = await rewritten(`${ALL}, { remove: [ReferencedImageSequence] }`, elements)
    expect(textsOf(header)).toEqual({ '00080018': mapped('1.2.3.4.5.6'), '0020000d': mapped('1.2.3.4') })
  })

  test('holds what came as UN with UIDs in it, and looks into what has none', async () => {
    const unknown = (inner: readonly MadeElement[]): MadeElement => {
      const content = encode(inner, { explicitVr: false, bigEndian: false })
      const item = Buffer.from('feff00e000000000', 'hex')
      item.writeUInt32LE(content.length, 4)
      return { kind: 'value', tag: 0x300c0002, vr: 'UN', value: Buffer.concat([item, content]) }
    }
    const { decision } = await rewritten(ALL, inOrder(SOP, unknown([text(0x00081155, 'UI', '9.9')])))
    expect(decision.holds[0]?.reason).toMatch(
      /^rewrite: ReferencedRTPlanSequence came as UN of a known length, so UIDs/,
    )
    expect((await rewritten(ALL, inOrder(SOP, unknown([text(0x00080100, 'SH', 'X')])))).decision.holds).toEqual([])
  })

  test('is 2.25 and a valid UID; another key gives another; two UIDs never give one', () => {
    const uid = fc.array(fc.nat(99_999), { minLength: 2, maxLength: 8 }).map((parts) => parts.join('.'))
    const seen = new Map<string, string>()
    fc.assert(
      fc.property(uid, fc.uint8Array({ minLength: 16, maxLength: 32 }), (old, key) => {
        const fresh = mappedUid(old, key)
        expect(fresh).toMatch(/^2\.25\.\d{1,39}$/)
        expect(isWritableUid(fresh)).toBe(true)
        expect(mappedUid(old, Uint8Array.from(key))).toBe(fresh)
        expect(mappedUid(old, Uint8Array.of(...key, 1))).not.toBe(fresh)
        const own = mapped(old)
        expect(seen.get(own) ?? old).toBe(old)
        seen.set(own, old)
      }),
      { numRuns: 1_000 },
    )
  })

  test('keeps the instances of a study together: what one refers to is what the other leaves as', async () => {
    const uids = fc.uniqueArray(
      fc.integer({ min: 1, max: 9_999 }).map((n) => `1.2.${n}`),
      { minLength: 2, maxLength: 5 },
    )
    await fc.assert(
      fc.asyncProperty(uids, async (sops) => {
        const outcomes = await Promise.all(
          sops.map(async (sop) => {
            const others = sops.map((other) => [text(0x00081155, 'UI', other)])
            const elements = inOrder(STUDY, SERIES, text(0x00080018, 'UI', sop), sequence(0x00081140, ...others))
            return rewritten(ALL, elements)
          }),
        )
        const left = outcomes.map(({ forward }) => forward?.sopInstanceUid)
        expect(new Set(left).size).toBe(sops.length)
        for (const { header } of outcomes) {
          const texts = textsOf(header)
          expect(sops.map((_, i) => texts[`00081140[${i}].00081155`])).toEqual(left)
          expect(texts['0020000d']).toBe(mapped('1.2.3.4'))
        }
      }),
      { numRuns: 30 },
    )
  })

  test('a key that could not be read holds; the secret is in nothing that a decision says', async () => {
    const ruleset = rulesetOf(`rules: [{ name: r, rewrite: [${ALL}], forward: [a] }]`)
    const facts = await factsOf(encode(inOrder(SOP, STUDY), EXPLICIT_VR_LITTLE_ENDIAN), EXPLICIT)
    expect(decide({ ...ruleset, keys: new Map() }, facts).holds[0]?.reason).toBe(
      'rewrite: the key veil could not be read',
    )
    const said = JSON.stringify(explain(ruleset, facts))
    expect(said).not.toContain(Buffer.from(KEY).toString('hex'))
    expect(said).not.toContain(Buffer.from(KEY).toString('base64'))
    expect(ruleset.digest).toBe(rulesetOf(`rules: [{ name: r, rewrite: [${ALL}], forward: [a] }]`).digest)
  })

  test('tests in rule files have keys of their own, the same everywhere', () => {
    const rules = (sends: string) => `
rules: [{ name: r, rewrite: [{ hash: { of: [PatientID], key: veil, length: 16 } }, ${ALL}], forward: [a] }]
tests: [{ name: t, given: { PatientID: 0012, StudyInstanceUID: 1.2 }, expect: { sends: { a: ${sends} } } }]`
    rulesetOf(rules('{ PatientID: { matches: "[0-9a-f]{16}" }, StudyInstanceUID: { starts_with: "2.25." } }'))
    expect(decide(rulesetOf(rules('{ not: { PatientID: "0012" } }')), factsFrom({ PatientID: '0012' })).holds).toEqual(
      [],
    )
  })
})

test('before and after of every UID is told, each where it stands', async () => {
  const { forward } = await rewritten(ALL, inOrder(STUDY, sequence(0x00081140, [text(0x00081155, 'UI', '7.7')])))
  expect(forward?.changes).toEqual([
    {
      tag: '(0008,1140)[0].(0008,1155)',
      keyword: 'ReferencedSOPInstanceUID',
      verb: 'uid',
      before: '7.7',
      after: mapped('7.7'),
    },
    { tag: '(0020,000d)', keyword: 'StudyInstanceUID', verb: 'uid', before: '1.2.3.4', after: mapped('1.2.3.4') },
  ])
})

test('of thousands of changes the first are told and the rest counted', async () => {
  const many = Array.from({ length: 1_500 }, (_, i) => [text(0x00081155, 'UI', `1.9.${i}`)])
  const { forward } = await rewritten(ALL, inOrder(SOP, sequence(0x00081140, ...many)))
  expect(forward?.edits.length).toBe(1_501)
  expect(forward?.changes.length).toBe(1_001)
  expect(forward?.changes.at(-1)).toEqual({
    tag: '(0008,1155)',
    keyword: 'ReferencedSOPInstanceUID',
    verb: 'uid',
    before: '(501 more)',
    after: '(501 more)',
  })
})
