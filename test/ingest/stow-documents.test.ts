import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect } from '@jest/globals'
import { ingestToken } from '../support/ingest-token.ts'
import { dicomWebPlugin, startOrthanc } from '../support/orthanc.ts'
import { testWithPeers } from '../support/peers.ts'
import { openSite } from '../support/site.ts'
import { type MadePart, related, relatedType } from '../support/stow-bodies.ts'
import { untilSettled } from '../support/until-settled.ts'

const run = promisify(execFile)
const peers = dicomWebPlugin() === undefined ? ['Orthanc', 'libOrthancDicomWeb.so'] : ['Orthanc']

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(() => stack.disposeAsync())

const PDF = Buffer.from(
  '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n',
)
const CDA = Buffer.from(
  '<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3"/><title>Ringkasan Pulang</title></ClinicalDocument>',
)

interface Document {
  readonly uid: string
  readonly sopClass: string
  readonly mime: string
  readonly bytes: Buffer
}

const PDF_DOCUMENT = { sopClass: '1.2.840.10008.5.1.4.1.1.104.1', mime: 'application/pdf', bytes: PDF }
const CDA_DOCUMENT = { sopClass: '1.2.840.10008.5.1.4.1.1.104.2', mime: 'text/XML', bytes: CDA }

/** What is said of a document, beside its bytes: tag, VR, value. */
const saidOf = ({ uid, sopClass, mime }: Document): readonly (readonly [string, string, string])[] => [
  ['00080016', 'UI', sopClass],
  ['00080018', 'UI', uid],
  ['00080020', 'DA', '20261121'],
  ['00080050', 'SH', 'A1'],
  ['00080060', 'CS', 'DOC'],
  ['00100020', 'LO', 'ID1'],
  ['00100040', 'CS', 'O'],
  ['0020000D', 'UI', '1.2.826.0.1.3680043.8.498.5'],
  ['0020000E', 'UI', '1.2.826.0.1.3680043.8.498.5.1'],
  ['00200013', 'IS', uid.split('.').at(-1) ?? '1'],
  ['00420012', 'LO', mime],
]

const bulkPart = ({ uid, bytes, mime }: Document): MadePart => ({
  headers: { 'Content-Type': mime, 'Content-Location': `doc/${uid}` },
  body: bytes,
})

function inXml(document: Document): readonly MadePart[] {
  const attributes = saidOf(document).map(
    ([tag, vr, value]) => `<DicomAttribute tag="${tag}" vr="${vr}"><Value number="1">${value}</Value></DicomAttribute>`,
  )
  const name = '<PersonName number="1"><Alphabetic><FamilyName>Sari</FamilyName></Alphabetic></PersonName>'
  const body = `<NativeDicomModel>${attributes.join('')}<DicomAttribute tag="00100010" vr="PN">${name}</DicomAttribute><DicomAttribute tag="00420011" vr="OB"><BulkData uri="doc/${document.uid}"/></DicomAttribute></NativeDicomModel>`
  return [{ headers: { 'Content-Type': 'application/dicom+xml' }, body }, bulkPart(document)]
}

function inJson(document: Document): readonly MadePart[] {
  const model = {
    ...Object.fromEntries(saidOf(document).map(([tag, vr, value]) => [tag, { vr, Value: [value] }])),
    '00100010': { vr: 'PN', Value: [{ Alphabetic: 'Sari' }] },
    '00420011': { vr: 'OB', BulkDataURI: `doc/${document.uid}` },
  }
  return [{ headers: { 'Content-Type': 'application/dicom+json' }, body: JSON.stringify([model]) }, bulkPart(document)]
}

const rules = (port: number): string => `version: 1
destinations:
  orthanc: { dimse: { ae: "ORTHANC@127.0.0.1:${port}" } }
rules:
  - name: everything
    forward: [orthanc]
`

testWithPeers(
  [...peers, 'dcm2pdf'],
  'documents that were given in XML and in JSON are in Orthanc as they were, and dcmtk gives the very PDF back',
  async () => {
    const site = stack.use(await openSite('documents'))
    const orthanc = stack.use(await startOrthanc(site.home))
    await site.rules(rules(orthanc.dicomPort))
    const kurir = await site.start()
    const uid = (last: number): string => `1.2.826.0.1.3680043.8.498.5.1.${last}`
    const [pdfXml, cdaXml] = [
      { ...PDF_DOCUMENT, uid: uid(1) },
      { ...CDA_DOCUMENT, uid: uid(2) },
    ]
    const [pdfJson, cdaJson] = [
      { ...PDF_DOCUMENT, uid: uid(3) },
      { ...CDA_DOCUMENT, uid: uid(4) },
    ]
    // One of odd length, one of even.
    expect([PDF, CDA].map(({ length }) => length % 2).sort()).toEqual([0, 1])
    const authorization = `Bearer ${await ingestToken(kurir)}`
    for (const [type, parts] of [
      ['application/dicom+xml', [...inXml(pdfXml), ...inXml(cdaXml)]],
      ['application/dicom+json', [...inJson(pdfJson), ...inJson(cdaJson)]],
    ] as const) {
      const response = await fetch(`http://127.0.0.1:${kurir.httpPort}/studies`, {
        method: 'POST',
        headers: { authorization, ...relatedType(type) },
        body: new Uint8Array(related(parts)),
      })
      expect({ status: response.status, body: response.status === 200 ? '' : await response.text() }).toEqual({
        status: 200,
        body: '',
      })
    }
    await untilSettled(kurir)

    const ids: readonly string[] = JSON.parse((await orthanc.get('/instances')).toString())
    expect(ids.length).toBe(4)
    const seen = new Set<string>()
    for (const id of ids) {
      const value = async (tag: string): Promise<string> =>
        (await orthanc.get(`/instances/${id}/content/${tag}`)).toString('latin1').replace(/[ \0]+$/, '')
      const sop = await value('0008-0018')
      const document = [pdfXml, cdaXml, pdfJson, cdaJson].find((one) => one.uid === sop)
      if (document === undefined) throw new Error('an instance that nobody gave')
      seen.add(sop)
      const { bytes, mime } = document
      const encapsulated = await orthanc.get(`/instances/${id}/content/0042-0011`)
      expect(encapsulated).toEqual(bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.of(0)]))
      const tags = JSON.parse((await orthanc.get(`/instances/${id}/simplified-tags`)).toString())
      expect(tags).toMatchObject({ PatientName: 'Sari', PatientID: 'ID1', MIMETypeOfEncapsulatedDocument: mime })
      expect(Number(tags['EncapsulatedDocumentLength'])).toBe(bytes.length)
      if (mime !== 'application/pdf') continue
      const [file, again] = [path.join(site.home, 'document.dcm'), path.join(site.home, 'document.pdf')]
      await writeFile(file, await orthanc.get(`/instances/${id}/file`))
      await run('dcm2pdf', ['-q', file, again])
      expect(await readFile(again)).toEqual(PDF)
    }
    expect(seen.size).toBe(4)
  },
  60_000,
)
