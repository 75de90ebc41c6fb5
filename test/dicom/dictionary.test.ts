import { describe, expect, test } from '@jest/globals'
import { tagOf } from '../../src/dicom/attribute-path.ts'
import {
  implicitVr,
  isPrivate,
  lookUpKeyword,
  lookUpTag,
  nameOfTag,
  suggestKeyword,
} from '../../src/dicom/dictionary.ts'
import { sopClassName } from '../../src/dicom/sop-class.ts'
import { TRANSFER_SYNTAXES, transferSyntaxByKeyword, transferSyntaxOf } from '../../src/dicom/transfer-syntax.ts'

describe('the data dictionary', () => {
  test('knows an attribute by tag and by keyword', () => {
    const entry = { tag: tagOf(0x0010, 0x0010), keyword: 'PatientName', vr: 'PN', vm: '1' }
    expect(lookUpTag(tagOf(0x0010, 0x0010))).toEqual(entry)
    expect(lookUpKeyword('PatientName')).toEqual(entry)
    expect(lookUpKeyword('patientname')).toBeUndefined()
  })

  test('gives retired attributes the keyword of the Standard', () => {
    expect(lookUpTag(tagOf(0x0008, 0x0001))?.keyword).toBe('LengthToEnd')
  })

  test('finds repeating groups in each of their groups, and private ones in none', () => {
    expect(lookUpTag(tagOf(0x6002, 0x3000))).toMatchObject({ keyword: 'OverlayData', either: 'OB or OW' })
    expect(lookUpTag(tagOf(0x50fe, 0x3000))?.keyword).toBe('CurveData')
    expect(lookUpTag(tagOf(0x0020, 0x3111))?.keyword).toBe('SourceImageIDs')
    expect(lookUpTag(tagOf(0x6001, 0x3000))).toBeUndefined()
  })

  test('says where two VRs are possible', () => {
    expect(lookUpKeyword('SmallestImagePixelValue')).toMatchObject({ vr: 'US', either: 'US or SS' })
    expect(lookUpKeyword('LUTData')).toMatchObject({ vr: 'OW', either: 'US or OW' })
  })

  test('gives private creators, group lengths and unknown tags their implicit VR', () => {
    expect(implicitVr(tagOf(0x0009, 0x0010))).toBe('LO')
    expect(implicitVr(tagOf(0x0009, 0x1001))).toBe('UN')
    expect(implicitVr(tagOf(0x0009, 0x0000))).toBe('UL')
    expect(implicitVr(tagOf(0x0008, 0x1140))).toBe('SQ')
    expect(isPrivate(tagOf(0x0009, 0x1001))).toBe(true)
    expect(nameOfTag(tagOf(0x0009, 0x1001))).toBe('(0009,1001)')
  })

  test('suggests the keyword that was meant, and nothing for what is far from all', () => {
    expect(suggestKeyword('Modalty')).toBe('Modality')
    expect(suggestKeyword('patientName')).toBe('PatientName')
    expect(suggestKeyword('AcessionNumer')).toBe('AccessionNumber')
    expect(suggestKeyword('Xyzzyplugh')).toBeUndefined()
  })
})

describe('transfer syntaxes', () => {
  test('are found by UID and by keyword', () => {
    expect(transferSyntaxOf('1.2.840.10008.1.2.4.90')).toMatchObject({
      keyword: 'JPEG2000Lossless',
      encapsulated: true,
    })
    expect(transferSyntaxByKeyword('ExplicitVRBigEndian')).toMatchObject({ bigEndian: true, explicitVr: true })
    expect(transferSyntaxByKeyword('ImplicitVRLittleEndian')).toMatchObject({ explicitVr: false, encapsulated: false })
    expect(transferSyntaxByKeyword('DeflatedExplicitVRLittleEndian')).toMatchObject({ deflated: true })
    expect(transferSyntaxByKeyword('Nonsense')).toBeUndefined()
  })

  test('that nobody knows are explicit little endian and encapsulated', () => {
    const expected = { uid: '1.3.46.670589', explicitVr: true, bigEndian: false, deflated: false, encapsulated: true }
    expect(transferSyntaxOf('1.3.46.670589')).toMatchObject(expected)
  })

  test('have UIDs and keywords of their own', () => {
    expect(new Set(TRANSFER_SYNTAXES.map(({ uid }) => uid)).size).toBe(TRANSFER_SYNTAXES.length)
    expect(new Set(TRANSFER_SYNTAXES.map(({ keyword }) => keyword)).size).toBe(TRANSFER_SYNTAXES.length)
  })

  test('SOP classes of storage have names', () => {
    expect(sopClassName('1.2.840.10008.5.1.4.1.1.2')).toBe('CT Image')
    expect(sopClassName('1.2.3')).toBeUndefined()
  })
})
