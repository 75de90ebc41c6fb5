import { type AttributePath, formatTag } from '../dicom/attribute-path.ts'
import { ASCII, UTF_8 } from '../dicom/character-set.ts'
import { lookUpTag } from '../dicom/dictionary.ts'
import type { AttributeChange, ResolvedEdit } from '../dicom/resolved-edit.ts'
import { transferSyntaxOf } from '../dicom/transfer-syntax.ts'
import { type Draft, type Drafted, keyOf } from './draft.ts'
import { encodeValues } from './encode.ts'
import type { Facts } from './facts.ts'
import { SPECIFIC_CHARACTER_SET } from './header-view.ts'
import { unfit } from './vr-limit.ts'

export interface Resolved {
  readonly edits: readonly ResolvedEdit[]
  readonly changes: readonly AttributeChange[]
}

/**
 * What a working copy means for the bytes: encoded in the received transfer syntax and, where it can hold the text, the
 * received character set; otherwise all text of the header goes to ISO_IR 192 (PS3.3 C.12.1.1.2). Or the reason why it
 * cannot be written, without any value in it.
 */
export function resolve(draft: Draft): Resolved | { readonly hold: string } {
  const changed = draft.drafted().filter((drafted) => isChange(drafted, draft.facts))
  for (const drafted of changed) {
    const fault = drafted.asReceived ? undefined : faultOf(drafted)
    if (fault !== undefined) return { hold: `${drafted.name.text} ${fault}` }
  }
  const encoding = new Encoding(draft.facts, changed)
  const edits = encoding.edits()
  if ('hold' in edits) return edits
  return {
    edits: edits.edits,
    changes: [...changed.map((drafted) => changeOf(drafted, draft.facts)), ...edits.changes],
  }
}

/** Bytes that nothing changes leave as they came, so a value that stays the same is no edit. */
function isChange(drafted: Drafted, facts: Facts): boolean {
  const path = drafted.name.path
  if (drafted.values === null) return facts.header.has(path)
  const before = facts.header.has(path) ? facts.header.values(path) : undefined
  if (before === undefined) return true
  return before.length !== drafted.values.length || before.some((value, index) => value !== drafted.values?.[index])
}

function faultOf(drafted: Drafted): string | undefined {
  return drafted.values?.map((value) => unfit(value, drafted.vr)).find((fault) => fault !== undefined)
}

type Edits =
  | { readonly edits: readonly ResolvedEdit[]; readonly changes: readonly AttributeChange[] }
  | { readonly hold: string }

class Encoding {
  readonly #facts: Facts
  readonly #changed: readonly Drafted[]
  readonly #bigEndian: boolean

  constructor(facts: Facts, changed: readonly Drafted[]) {
    this.#facts = facts
    this.#changed = changed
    this.#bigEndian = transferSyntaxOf(facts.transferSyntax).bigEndian
  }

  edits(): Edits {
    const received = this.#encode(this.#facts.header.declared ?? ASCII)
    if (received !== 'other-set') return received
    const own = this.#encode(UTF_8)
    if (own === 'other-set' || 'hold' in own) return own === 'other-set' ? { hold: 'its text cannot be encoded' } : own
    const rest = this.#convertOthers()
    if ('hold' in rest) return rest
    const all = [...own.edits, ...rest.edits]
    return { edits: all.sort((a, b) => (keyOf(a.path) < keyOf(b.path) ? -1 : 1)), changes: rest.changes }
  }

  #encode(set: typeof ASCII): Edits | 'other-set' {
    const edits: ResolvedEdit[] = []
    for (const { name, vr, values } of this.#changed) {
      if (values === null) {
        edits.push({ verb: 'remove', path: name.path })
        continue
      }
      const value = encodeValues(values, vr, set, this.#bigEndian)
      if (value === undefined) return 'other-set'
      if (value === 'too-long') return { hold: `the values of ${name.text} are too long for one element` }
      edits.push({ verb: 'set', path: name.path, vr, value })
    }
    return { edits, changes: [] }
  }

  /** Everything else whose bytes would read differently in UTF-8, and every declaration of a character set. */
  #convertOthers(): Edits {
    const edits: ResolvedEdit[] = [declare([{ tag: SPECIFIC_CHARACTER_SET }])]
    const rewritten = new Set(this.#changed.map(({ name }) => keyOf(name.path)))
    const gone = new Set(
      this.#changed.filter(({ values }) => values === null || values.length === 0).map(({ name }) => keyOf(name.path)),
    )
    for (const { path, vr, values, isAscii } of this.#facts.header.texts()) {
      const tag = path.at(-1)?.tag
      const outermost = path[0] === undefined ? '' : keyOf([{ tag: path[0].tag }])
      if (rewritten.has(keyOf(path)) || gone.has(outermost)) continue
      if (tag === SPECIFIC_CHARACTER_SET) {
        if (path.length > 1) edits.push(declare(path))
        continue
      }
      if (isAscii) continue
      const value =
        values === undefined || values.some((text) => text.includes('\ufffd'))
          ? undefined
          : encodeValues(values, vr, UTF_8, this.#bigEndian)
      if (value === undefined || value === 'too-long')
        return { hold: `${nameOf(path)} cannot be converted to ISO_IR 192` }
      edits.push({ verb: 'set', path, vr, value })
    }
    const before = this.#facts.header.values([{ tag: SPECIFIC_CHARACTER_SET }])?.join('\\')
    const change = { tag: formatTag(SPECIFIC_CHARACTER_SET), keyword: 'SpecificCharacterSet', verb: 'convert' }
    return {
      edits,
      changes: [{ ...change, before: before === '' || before === undefined ? null : before, after: 'ISO_IR 192' }],
    }
  }
}

const declare = (path: AttributePath): ResolvedEdit => ({
  verb: 'set',
  path,
  vr: 'CS',
  value: Buffer.from('ISO_IR 192', 'latin1'),
})

const nameOf = (path: AttributePath): string => {
  const tag = path.at(-1)?.tag
  return tag === undefined ? 'a value' : (lookUpTag(tag)?.keyword ?? formatTag(tag))
}

function changeOf(drafted: Drafted, facts: Facts): AttributeChange {
  const { path } = drafted.name
  const tag = path.at(-1)?.tag
  const before = facts.header.has(path) ? facts.header.values(path) : null
  return {
    tag: tag === undefined ? '' : formatTag(tag),
    keyword: tag === undefined ? null : (lookUpTag(tag)?.keyword ?? null),
    verb: drafted.verb,
    // What is not text is said to be there, not shown.
    before: before === null ? null : (before?.join('\\') ?? '(not text)'),
    after: drafted.values === null ? null : drafted.values.join('\\'),
  }
}
