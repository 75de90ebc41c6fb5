import { tagOf } from '../dicom/attribute-path.ts'
import { elementHeader } from '../dicom/element-writer.ts'
import { EXPLICIT_VR_LITTLE_ENDIAN, type TransferSyntax, transferSyntaxOf } from '../dicom/transfer-syntax.ts'
import { parseUid, type SopClassUid, type SopInstanceUid, type TransferSyntaxUid } from '../dicom/uid.ts'
import { type DataSetPiece, fragmentHeader, openFragments } from './data-set-writer.ts'
import { badModel, type ModelItem } from './model.ts'
import { paddingOf } from './value-writer.ts'

const MEDIA_STORAGE_SOP_CLASS = tagOf(0x0002, 0x0002)
const MEDIA_STORAGE_SOP_INSTANCE = tagOf(0x0002, 0x0003)
const TRANSFER_SYNTAX = tagOf(0x0002, 0x0010)
const SOP_CLASS = tagOf(0x0008, 0x0016)
const SOP_INSTANCE = tagOf(0x0008, 0x0018)
const PIXEL_DATA = tagOf(0x7fe0, 0x0010)

/** What a model says of itself; group 0002 in it is its file meta. */
export interface ModelIdentity {
  readonly sopClassUid: SopClassUid | undefined
  readonly sopInstanceUid: SopInstanceUid | undefined
  /** As (0002,0010) says. */
  readonly transferSyntaxUid: TransferSyntaxUid | undefined
}

/** Undefined where the model says nothing, or no UID. */
export function identityOf(model: ModelItem): ModelIdentity {
  const read = (...tags: readonly number[]): string => {
    for (const tag of tags) {
      const content = model.find((element) => element.tag === tag)?.content
      if (content?.kind === 'values' && content.values[0] !== undefined) return content.values[0]
    }
    return ''
  }
  return {
    sopClassUid: parseUid<SopClassUid>(read(MEDIA_STORAGE_SOP_CLASS, SOP_CLASS)),
    sopInstanceUid: parseUid<SopInstanceUid>(read(MEDIA_STORAGE_SOP_INSTANCE, SOP_INSTANCE)),
    transferSyntaxUid: parseUid<TransferSyntaxUid>(read(TRANSFER_SYNTAX)),
  }
}

/** The names of the bulk data that a model waits for, each once. */
export function bulkNames(model: ModelItem): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (item: ModelItem): void => {
    for (const { content } of item) {
      if (content.kind === 'bulk') names.add(content.uri)
      else if (content.kind === 'items') content.items.forEach(visit)
    }
  }
  visit(model)
  return names
}

/** Under which name its pixels come, if they come apart. */
export function pixelName(model: ModelItem): string | undefined {
  const content = model.find(({ tag }) => tag === PIXEL_DATA)?.content
  return content?.kind === 'bulk' ? content.uri : undefined
}

// What a frame of that media type is written in unless it is said (PS3.18 table 8.7.3-5).
const FRAME_SYNTAXES: Readonly<Record<string, string>> = {
  'image/jpeg': '1.2.840.10008.1.2.4.50',
  'image/dicom-rle': '1.2.840.10008.1.2.5',
  'image/jls': '1.2.840.10008.1.2.4.80',
  'image/jp2': '1.2.840.10008.1.2.4.90',
  'image/jpx': '1.2.840.10008.1.2.4.92',
  'image/jphc': '1.2.840.10008.1.2.4.201',
  'video/mpeg': '1.2.840.10008.1.2.4.100',
  'video/mp4': '1.2.840.10008.1.2.4.102',
}

/**
 * In which transfer syntax an instance is written: what the metadata's part says, else what its (0002,0010) says, else what
 * its pixels come in, else Explicit VR Little Endian. Undefined for one that is not written here.
 */
export function syntaxFor(
  stated: string | undefined,
  identity: ModelIdentity,
  pixels: { readonly mediaType: string; readonly transferSyntax: string | undefined } | undefined,
): TransferSyntax | undefined {
  const uid =
    stated ??
    identity.transferSyntaxUid ??
    pixels?.transferSyntax ??
    FRAME_SYNTAXES[pixels?.mediaType ?? ''] ??
    EXPLICIT_VR_LITTLE_ENDIAN.uid
  const syntax = transferSyntaxOf(parseUid(uid) ?? '')
  return syntax.bigEndian || syntax.deflated || syntax.keyword === 'Unknown' ? undefined : syntax
}

/** Bulk data that has come in whole. */
export interface Bulk {
  /** In bytes, without padding. */
  readonly length: number
  slices(): AsyncIterable<Buffer>
}

const LONGEST_VALUE = 0xfffffffe

/**
 * A data set as its bytes, bulk data put in and padded to even length (PS3.5 6.2, 7.1.1).
 *
 * @throws KurirError `invalid-dataset` where bulk data is missing, or does not fit
 */
export async function* dataSetSlices(
  pieces: readonly DataSetPiece[],
  syntax: TransferSyntax,
  bulks: (name: string) => readonly Bulk[],
): AsyncGenerator<Buffer, void, void> {
  for (const piece of pieces) {
    switch (piece.kind) {
      case 'bytes':
        yield piece.bytes
        break
      case 'length': {
        const value = Buffer.alloc(4)
        value.writeUInt32LE(oneOf(bulks(piece.uri)).length)
        yield Buffer.concat([elementHeader(piece.tag, 'UL', 4, syntax), value])
        break
      }
      case 'bulk': {
        const bulk = oneOf(bulks(piece.uri))
        yield elementHeader(piece.tag, piece.vr, bulk.length + (bulk.length % 2), syntax)
        yield* bulk.slices()
        if (bulk.length % 2 === 1) yield paddingOf(piece.vr)
        break
      }
      case 'fragments':
        yield openFragments(piece.tag, syntax)
        for (const bulk of bulks(piece.uri)) yield* fragmentSlices(bulk)
        yield Buffer.from([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0])
        break
      default:
        piece satisfies never
    }
  }
}

async function* fragmentSlices(bulk: Bulk): AsyncGenerator<Buffer, void, void> {
  if (bulk.length > LONGEST_VALUE) throw badModel('a frame is longer than a fragment may be')
  yield fragmentHeader(bulk.length + (bulk.length % 2))
  yield* bulk.slices()
  if (bulk.length % 2 === 1) yield Buffer.of(0)
}

function oneOf(bulks: readonly Bulk[]): Bulk {
  const [bulk, another] = bulks
  if (bulk === undefined) throw badModel('bulk data that the metadata names did not come')
  if (another !== undefined) throw badModel('bulk data came twice under one name')
  if (bulk.length > LONGEST_VALUE) throw badModel('bulk data is longer than a value may be')
  return bulk
}
