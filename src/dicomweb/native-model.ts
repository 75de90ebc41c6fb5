import { SaxesParser, type SaxesTagPlain } from 'saxes'
import { type Tag, tagOf } from '../dicom/attribute-path.ts'
import { implicitVr } from '../dicom/dictionary.ts'
import { trimEnd } from '../dicom/padding.ts'
import { isVr, type Vr } from '../dicom/vr.ts'
import { badModel, MODEL_DEPTH, ModelBudget, type ModelContent, type ModelElement, type ModelItem } from './model.ts'
import { XmlText } from './xml-text.ts'

/**
 * Reads the Native DICOM Model (PS3.19 A.1) as it comes. There are no entities but XML's own five: a DOCTYPE is refused
 * before anything in it is looked at.
 *
 * `write` and `end` throw KurirError `invalid-dataset`.
 */
export class NativeModelReader {
  readonly #parser = new SaxesParser()
  readonly #text = new XmlText()
  readonly #builder = new ModelBuilder()

  constructor() {
    this.#parser.on('error', () => {
      throw badModel('the metadata is no well-formed XML')
    })
    this.#parser.on('doctype', () => {
      throw badModel('the metadata has a DOCTYPE, which is not read')
    })
    this.#parser.on('opentag', (tag) => this.#builder.open(tag))
    this.#parser.on('closetag', (tag) => this.#builder.close(localName(tag.name)))
    this.#parser.on('text', (text) => this.#builder.text(text))
    this.#parser.on('cdata', (text) => this.#builder.text(text))
  }

  write(slice: Uint8Array): void {
    this.#parser.write(this.#text.decode(slice))
  }

  end(): ModelItem {
    this.#parser.write(this.#text.finish())
    this.#parser.close()
    return this.#builder.finish()
  }
}

const localName = (name: string): string => name.slice(name.indexOf(':') + 1)

interface OpenAttribute {
  readonly tag: Tag
  readonly vr: Vr
  readonly creator: string | undefined
  readonly values: string[]
  readonly items: ModelItem[]
  bulk: string | undefined
  inline: string | undefined
}

const GROUPS = ['Alphabetic', 'Ideographic', 'Phonetic']
const COMPONENTS = ['FamilyName', 'GivenName', 'MiddleName', 'NamePrefix', 'NameSuffix']

/** Puts attributes together from tags. What the model does not know is skipped with all that stands in it. */
class ModelBuilder {
  readonly #levels: { readonly elements: ModelElement[]; open: OpenAttribute | undefined }[] = []
  readonly #budget = new ModelBudget()
  #finished: ModelItem | undefined
  #text: string | undefined
  /** Components of the name being read, group by group. */
  #name: string[][] = []
  #group = 0
  #skipping = 0

  open(tag: SaxesTagPlain): void {
    if (this.#skipping > 0) this.#skipping += 1
    else if (!this.#enter(localName(tag.name), tag.attributes)) this.#skipping = 1
  }

  close(name: string): void {
    if (this.#skipping > 0) this.#skipping -= 1
    else this.#leave(name)
  }

  text(text: string): void {
    if (this.#skipping === 0 && this.#text !== undefined) this.#text += text
  }

  finish(): ModelItem {
    if (this.#finished === undefined) throw badModel('the metadata holds no NativeDicomModel')
    return this.#finished
  }

  /** Whether it is known where it stands. */
  #enter(name: string, attributes: Readonly<Record<string, string>>): boolean {
    const level = this.#levels.at(-1)
    const open = level?.open
    if (level === undefined) return name === 'NativeDicomModel' && this.#finished === undefined && this.#push()
    if (open === undefined) {
      if (name !== 'DicomAttribute') return false
      this.#budget.node()
      level.open = openAttribute(attributes)
      return true
    }
    if (name === 'Item') return open.vr === 'SQ' && this.#push()
    if (name === 'BulkData') {
      // A uuid names an object of the hosting application (PS3.19 A.1.5): nothing here answers to it.
      const { uri } = attributes
      if (uri === undefined) throw badModel('bulk data without a uri')
      open.bulk = uri
      return true
    }
    if (name === 'PersonName') this.#name = []
    else if (GROUPS.includes(name)) {
      this.#group = GROUPS.indexOf(name)
      this.#name[this.#group] = COMPONENTS.map(() => '')
    } else if (name === 'Value' || name === 'InlineBinary' || COMPONENTS.includes(name)) this.#text = ''
    else return false
    return true
  }

  #push(): true {
    this.#budget.node()
    if (this.#levels.length > MODEL_DEPTH) throw badModel('sequences stand too deep in one another')
    this.#levels.push({ elements: [], open: undefined })
    return true
  }

  #leave(name: string): void {
    const text = this.#text ?? ''
    this.#text = undefined
    const level = this.#levels.at(-1)
    const open = level?.open
    if (name === 'DicomAttribute' && level !== undefined && open !== undefined) {
      level.elements.push(elementOf(open))
      level.open = undefined
    } else if (name === 'Item' || name === 'NativeDicomModel') this.#pop()
    else if (name === 'Value') this.#value(open, text)
    else if (name === 'InlineBinary' && open !== undefined) open.inline = text
    else if (name === 'PersonName') this.#value(open, this.#personName())
    else if (COMPONENTS.includes(name)) this.#component(COMPONENTS.indexOf(name), text)
  }

  #value(open: OpenAttribute | undefined, text: string): void {
    this.#budget.values(1)
    open?.values.push(text)
  }

  #pop(): void {
    const done = this.#levels.pop()?.elements ?? []
    const above = this.#levels.at(-1)
    if (above === undefined) this.#finished = done
    else above.open?.items.push(done)
  }

  #component(place: number, text: string): void {
    this.#name[this.#group]?.splice(place, 1, text)
  }

  /** PS3.5 6.2.1.1: components between `^`, groups between `=`; what is empty at an end is left out. */
  #personName(): string {
    const groups = GROUPS.map((_, at) =>
      trimEnd(COMPONENTS.map((_component, place) => this.#name[at]?.[place] ?? '').join('^'), '^'),
    )
    return trimEnd(groups.join('='), '=')
  }
}

const TAG = /^[0-9A-Fa-f]{8}$/

function openAttribute(attributes: Readonly<Record<string, string>>): OpenAttribute {
  const { tag: text = '', vr, privateCreator } = attributes
  if (!TAG.test(text)) throw badModel('an attribute of the metadata has no tag of eight digits')
  const tag = tagOf(Number.parseInt(text.slice(0, 4), 16), Number.parseInt(text.slice(4), 16))
  if (vr !== undefined && !isVr(vr)) throw badModel('an attribute of the metadata has a VR that there is not')
  const made = { tag, vr: vr ?? implicitVr(tag), creator: privateCreator, values: [], items: [] }
  return { ...made, bulk: undefined, inline: undefined }
}

function elementOf(open: OpenAttribute): ModelElement {
  const { tag, vr, creator } = open
  return { tag, vr, ...(creator === undefined ? {} : { creator }), content: contentOf(open) }
}

const BASE64 = /^[A-Za-z0-9+/\s]*(?:={1,2}\s*)?$/

function contentOf({ vr, bulk, inline, items, values }: OpenAttribute): ModelContent {
  if (bulk !== undefined) return { kind: 'bulk', uri: bulk }
  if (vr === 'SQ') return { kind: 'items', items }
  if (inline === undefined) return { kind: 'values', values }
  if (!BASE64.test(inline)) throw badModel('an InlineBinary is no Base64')
  return { kind: 'bytes', bytes: Buffer.from(inline, 'base64') }
}
