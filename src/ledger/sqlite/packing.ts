import { hash } from 'node:crypto'
import { formatTag, type PathStep, parseTag, type Tag } from '../../dicom/attribute-path.ts'
import type { ResolvedEdit } from '../../dicom/resolved-edit.ts'

/** Edits as JSON with a fixed key order, values in base64: the text is also part of what is compared (`contentKey`). */
export function packEdits(edits: readonly ResolvedEdit[]): string {
  return JSON.stringify(edits.map(packEdit))
}

type PackedStep = readonly [tag: string, item: number | 'every' | null]
type PackedEdit =
  | { readonly verb: 'set'; readonly path: readonly PackedStep[]; readonly vr: string; readonly value: string }
  | { readonly verb: 'remove'; readonly path: readonly PackedStep[] }

function packEdit(edit: ResolvedEdit): PackedEdit {
  const path = edit.path.map((step): PackedStep => [formatTag(step.tag), step.item ?? null])
  if (edit.verb === 'remove') return { verb: 'remove', path }
  const { buffer, byteOffset, byteLength } = edit.value
  return { verb: 'set', path, vr: edit.vr, value: Buffer.from(buffer, byteOffset, byteLength).toString('base64') }
}

/** Reads what `packEdits` wrote. */
export function unpackEdits(text: string): readonly ResolvedEdit[] {
  if (text === '[]') return []
  const packed: readonly PackedEdit[] = JSON.parse(text)
  return packed.map((edit) => {
    const path = edit.path.map(unpackStep)
    if (edit.verb === 'remove') return { verb: 'remove', path }
    return { verb: 'set', path, vr: edit.vr, value: new Uint8Array(Buffer.from(edit.value, 'base64')) }
  })
}

function unpackStep([text, item]: PackedStep): PathStep {
  const tag: Tag | undefined = parseTag(text)
  if (tag === undefined) throw new TypeError('a packed edit names no tag')
  return item === null ? { tag } : { tag, item }
}

/** SHA-256 of everything that determines the outgoing bytes: the blob's digest, the edits, the version of the edit code. */
export function contentKey(blobSha256: string, packedEdits: string, editVersion: number): Buffer {
  return hash('sha256', `${blobSha256}\n${editVersion}\n${packedEdits}`, 'buffer')
}
