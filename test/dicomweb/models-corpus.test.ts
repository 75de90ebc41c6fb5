// dcmtk writes a file as JSON or XML, we read that and write a file, and dcmtk must say the same of ours.
import { readFileSync } from 'node:fs'

import { expect } from '@jest/globals'
import { encodePart10Head } from '../../src/dicom/file-meta.ts'
import { transferSyntaxOf } from '../../src/dicom/transfer-syntax.ts'
import { writeDataSet } from '../../src/dicomweb/data-set-writer.ts'
import { dataSetSlices, identityOf } from '../../src/dicomweb/instance-model.ts'
import { readJsonModel } from '../../src/dicomweb/json-model.ts'
import type { ModelItem } from '../../src/dicomweb/model.ts'
import { NativeModelReader } from '../../src/dicomweb/native-model.ts'
import { run, withFile } from '../dicom/dcmdump.ts'
import { atOnce } from '../support/at-once.ts'
import { corpusFiles, testWithCorpus } from '../support/corpus.ts'
import { describeWithPeers } from '../support/peers.ts'

const EXPLICIT = transferSyntaxOf('1.2.840.10008.1.2.1')

async function part10(model: ModelItem): Promise<Buffer> {
  const { sopClassUid, sopInstanceUid } = identityOf(model)
  if (sopClassUid === undefined || sopInstanceUid === undefined) throw new Error('no UIDs')
  const slices = [encodePart10Head({ sopClassUid, sopInstanceUid, transferSyntaxUid: EXPLICIT.uid })]
  for await (const slice of dataSetSlices(atOnce(writeDataSet(model, EXPLICIT)), EXPLICIT, () => [])) slices.push(slice)
  return Buffer.concat(slices)
}

function readXml(bytes: Buffer): ModelItem {
  const reader = new NativeModelReader()
  reader.write(bytes)
  return reader.end()
}

// This dcmtk swaps the words of OW and OF in its XML, which PS3.19 does not ask for; JSON shows that they are right.
const toXml = (path: string): string | undefined =>
  run('dcm2xml', ['-q', '-nat', '+Eb', path])
    ?.replace(/(vr="O[DFLVW]".*\n)<InlineBinary>[^<]*<\/InlineBinary>\s*/g, '$1')
    .replace(/<InlineBinary><\/InlineBinary>\s*/g, '')
const toJson = (path: string): string | undefined => run('dcm2json', ['-q', '-fc', path])

/** Without what dcmtk writes as it stands in the file, and what we never write. */
function comparable(json: string): unknown {
  const read: Record<string, unknown> = JSON.parse(Buffer.from(json, 'latin1').toString())
  return Object.fromEntries(Object.entries(read).filter(([tag]) => !tag.endsWith('0000')))
}

// Native pixels only: dcmtk puts no encapsulated ones into a model. Text beyond ASCII it leaves in its own set.
const files = [...corpusFiles('modality'), ...corpusFiles('vendor-private')]
  .filter(({ path }) => readFileSync(path).length < 300_000)
  .slice(0, 40)

describeWithPeers(['dcm2xml', 'dcm2json'], 'what dcmtk writes as a model', () => {
  testWithCorpus(
    'is the same file again by way of XML',
    async () => {
      let compared = 0
      for (const { path, name } of files) {
        const xml = toXml(path)
        if (xml === undefined || /[^\0-\x7f]|<BulkData/.test(xml) || !xml.includes('00080018')) continue
        const model = readXml(Buffer.from(xml, 'latin1'))
        if (identityOf(model).sopInstanceUid === undefined) continue
        const again = withFile(await part10(model), toXml)
        // Group lengths are retired and not written.
        const withoutLengths = xml.replace(/<DicomAttribute tag="....0000"[\s\S]*?<\/DicomAttribute>\n/g, '')
        expect({ name, xml: again }).toEqual({ name, xml: withoutLengths })
        compared += 1
      }
      expect(compared).toBeGreaterThan(5)
    },
    60_000,
  )

  testWithCorpus(
    'is the same file again by way of JSON',
    async () => {
      let compared = 0
      for (const { path, name } of files) {
        const json = toJson(path)
        if (json === undefined || /[^\0-\x7f]|BulkDataURI/.test(json) || !json.includes('00080018')) continue
        const [model = []] = atOnce(readJsonModel(json))
        const again = withFile(await part10(model), toJson)
        expect({ name, json: comparable(again ?? '{}') }).toEqual({ name, json: comparable(json) })
        compared += 1
      }
      expect(compared).toBeGreaterThan(5)
    },
    60_000,
  )
})
