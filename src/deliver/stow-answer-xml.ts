import type { ModelContent, ModelItem } from '../dicomweb/model.ts'
import { NativeModelReader } from '../dicomweb/native-model.ts'

/** An attribute as the DICOM JSON Model has it (PS3.18 F.2), as far as an answer to a store needs it. */
interface JsonAttribute {
  readonly Value: readonly unknown[]
}

/**
 * An answer in the Native DICOM Model (PS3.19 A.1) in the shape of the JSON Model: some servers speak XML whatever is asked
 * for. Undefined when it is none, a web page for one.
 */
export function answerFromXml(body: Buffer): Readonly<Record<string, JsonAttribute>> | undefined {
  try {
    const reader = new NativeModelReader()
    reader.write(body)
    return jsonOf(reader.end())
  } catch {
    return undefined
  }
}

/** Begins as a document in XML does; a byte order mark and white space may stand in front. */
export const isXml = (body: Buffer): boolean => /^(?:\uFEFF)?\s*</.test(body.subarray(0, 64).toString('utf8'))

const jsonOf = (item: ModelItem): Readonly<Record<string, JsonAttribute>> =>
  Object.fromEntries(
    item.map(({ tag, vr, content }) => [
      tag.toString(16).toUpperCase().padStart(8, '0'),
      { Value: valuesOf(content, vr === 'US') },
    ]),
  )

function valuesOf(content: ModelContent, isNumber: boolean): readonly unknown[] {
  if (content.kind === 'items') return content.items.map(jsonOf)
  if (content.kind !== 'values') return []
  return isNumber ? content.values.map(Number) : content.values
}
