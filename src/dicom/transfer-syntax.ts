import type { TransferSyntaxUid } from './uid.ts'

/** How a data set is encoded (PS3.5 section 10 and annex A; names as PS3.6 annex A). */
export interface TransferSyntax {
  readonly uid: TransferSyntaxUid
  /** As PS3.6 spells it (`ExplicitVRLittleEndian`); `Unknown` for a UID that is not in our table. */
  readonly keyword: string
  readonly name: string
  readonly explicitVr: boolean
  readonly bigEndian: boolean
  /** The whole data set is one raw DEFLATE stream (RFC 1951; PS3.5 A.5). */
  readonly deflated: boolean
  /** Pixel data stands in fragments (PS3.5 A.4). */
  readonly encapsulated: boolean
}

type Row = readonly [suffix: string, keyword: string, name: string]

// All but the first five are Explicit VR Little Endian with encapsulated pixel data (PS3.5 A.4).
const NATIVE: readonly Row[] = [
  ['', 'ImplicitVRLittleEndian', 'Implicit VR Little Endian'],
  ['.1', 'ExplicitVRLittleEndian', 'Explicit VR Little Endian'],
  ['.1.99', 'DeflatedExplicitVRLittleEndian', 'Deflated Explicit VR Little Endian'],
  ['.2', 'ExplicitVRBigEndian', 'Explicit VR Big Endian'],
]

const ENCAPSULATED: readonly Row[] = [
  ['.1.98', 'EncapsulatedUncompressedExplicitVRLittleEndian', 'Encapsulated Uncompressed Explicit VR Little Endian'],
  ['.4.50', 'JPEGBaseline8Bit', 'JPEG Baseline (Process 1)'],
  ['.4.51', 'JPEGExtended12Bit', 'JPEG Extended (Process 2 & 4)'],
  ['.4.52', 'JPEGExtended35', 'JPEG Extended (Process 3 & 5)'],
  ['.4.53', 'JPEGSpectralSelectionNonHierarchical68', 'JPEG Spectral Selection, Non-Hierarchical (Process 6 & 8)'],
  ['.4.54', 'JPEGSpectralSelectionNonHierarchical79', 'JPEG Spectral Selection, Non-Hierarchical (Process 7 & 9)'],
  ['.4.55', 'JPEGFullProgressionNonHierarchical1012', 'JPEG Full Progression, Non-Hierarchical (Process 10 & 12)'],
  ['.4.56', 'JPEGFullProgressionNonHierarchical1113', 'JPEG Full Progression, Non-Hierarchical (Process 11 & 13)'],
  ['.4.57', 'JPEGLossless', 'JPEG Lossless, Non-Hierarchical (Process 14)'],
  ['.4.58', 'JPEGLosslessNonHierarchical15', 'JPEG Lossless, Non-Hierarchical (Process 15)'],
  ['.4.59', 'JPEGExtendedHierarchical1618', 'JPEG Extended, Hierarchical (Process 16 & 18)'],
  ['.4.60', 'JPEGExtendedHierarchical1719', 'JPEG Extended, Hierarchical (Process 17 & 19)'],
  ['.4.61', 'JPEGSpectralSelectionHierarchical2022', 'JPEG Spectral Selection, Hierarchical (Process 20 & 22)'],
  ['.4.62', 'JPEGSpectralSelectionHierarchical2123', 'JPEG Spectral Selection, Hierarchical (Process 21 & 23)'],
  ['.4.63', 'JPEGFullProgressionHierarchical2426', 'JPEG Full Progression, Hierarchical (Process 24 & 26)'],
  ['.4.64', 'JPEGFullProgressionHierarchical2527', 'JPEG Full Progression, Hierarchical (Process 25 & 27)'],
  ['.4.65', 'JPEGLosslessHierarchical28', 'JPEG Lossless, Hierarchical (Process 28)'],
  ['.4.66', 'JPEGLosslessHierarchical29', 'JPEG Lossless, Hierarchical (Process 29)'],
  [
    '.4.70',
    'JPEGLosslessSV1',
    'JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14, Selection Value 1)',
  ],
  ['.4.80', 'JPEGLSLossless', 'JPEG-LS Lossless'],
  ['.4.81', 'JPEGLSNearLossless', 'JPEG-LS Lossy (Near-Lossless)'],
  ['.4.90', 'JPEG2000Lossless', 'JPEG 2000 (Lossless Only)'],
  ['.4.91', 'JPEG2000', 'JPEG 2000'],
  ['.4.92', 'JPEG2000MCLossless', 'JPEG 2000 Part 2 Multi-component (Lossless Only)'],
  ['.4.93', 'JPEG2000MC', 'JPEG 2000 Part 2 Multi-component'],
  ['.4.94', 'JPIPReferenced', 'JPIP Referenced'],
  ['.4.95', 'JPIPReferencedDeflate', 'JPIP Referenced Deflate'],
  ['.4.100', 'MPEG2MPML', 'MPEG2 Main Profile / Main Level'],
  ['.4.100.1', 'MPEG2MPMLF', 'Fragmentable MPEG2 Main Profile / Main Level'],
  ['.4.101', 'MPEG2MPHL', 'MPEG2 Main Profile / High Level'],
  ['.4.101.1', 'MPEG2MPHLF', 'Fragmentable MPEG2 Main Profile / High Level'],
  ['.4.102', 'MPEG4HP41', 'MPEG-4 AVC/H.264 High Profile / Level 4.1'],
  ['.4.102.1', 'MPEG4HP41F', 'Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1'],
  ['.4.103', 'MPEG4HP41BD', 'MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1'],
  ['.4.103.1', 'MPEG4HP41BDF', 'Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1'],
  ['.4.104', 'MPEG4HP422D', 'MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video'],
  ['.4.104.1', 'MPEG4HP422DF', 'Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video'],
  ['.4.105', 'MPEG4HP423D', 'MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video'],
  ['.4.105.1', 'MPEG4HP423DF', 'Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video'],
  ['.4.106', 'MPEG4HP42STEREO', 'MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2'],
  ['.4.106.1', 'MPEG4HP42STEREOF', 'Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2'],
  ['.4.107', 'HEVCMP51', 'HEVC/H.265 Main Profile / Level 5.1'],
  ['.4.108', 'HEVCM10P51', 'HEVC/H.265 Main 10 Profile / Level 5.1'],
  ['.4.110', 'JPEGXLLossless', 'JPEG XL Lossless'],
  ['.4.111', 'JPEGXLJPEGRecompression', 'JPEG XL JPEG Recompression'],
  ['.4.112', 'JPEGXL', 'JPEG XL'],
  ['.4.201', 'HTJ2KLossless', 'High-Throughput JPEG 2000 (Lossless Only)'],
  ['.4.202', 'HTJ2KLosslessRPCL', 'High-Throughput JPEG 2000 with RPCL Options (Lossless Only)'],
  ['.4.203', 'HTJ2K', 'High-Throughput JPEG 2000'],
  ['.4.204', 'JPIPHTJ2KReferenced', 'JPIP HTJ2K Referenced'],
  ['.4.205', 'JPIPHTJ2KReferencedDeflate', 'JPIP HTJ2K Referenced Deflate'],
  ['.5', 'RLELossless', 'RLE Lossless'],
  ['.8.1', 'DeflatedImageFrameCompression', 'Deflated Image Frame Compression'],
]

// JPIP syntaxes have no pixel data of their own; the deflated ones are a deflated data set (PS3.5 A.6 to A.9).
const DEFLATED = new Set(['.1.99', '.4.95', '.4.205'])

const ROOT = '1.2.840.10008.1.2'

const describe = ([suffix, keyword, name]: Row, encapsulated: boolean): TransferSyntax => ({
  uid: `${ROOT}${suffix}` as TransferSyntaxUid,
  keyword,
  name,
  explicitVr: suffix !== '',
  bigEndian: suffix === '.2',
  deflated: DEFLATED.has(suffix),
  encapsulated: encapsulated && !keyword.startsWith('JPIP'),
})

/** Every transfer syntax of PS3.6 that a composite instance may be sent in. */
export const TRANSFER_SYNTAXES: readonly TransferSyntax[] = [
  ...NATIVE.map((row) => describe(row, false)),
  ...ENCAPSULATED.map((row) => describe(row, true)),
]

const BY_UID: ReadonlyMap<string, TransferSyntax> = new Map(TRANSFER_SYNTAXES.map((syntax) => [syntax.uid, syntax]))
const BY_KEYWORD: ReadonlyMap<string, TransferSyntax> = new Map(
  TRANSFER_SYNTAXES.map((syntax) => [syntax.keyword, syntax]),
)

/**
 * What a UID means. One that the table does not know, private ones too, is taken as Explicit VR Little Endian with
 * encapsulated pixel data: what PS3.5 A.4 asks of every syntax since.
 */
export function transferSyntaxOf(uid: string): TransferSyntax {
  return (
    BY_UID.get(uid) ?? {
      ...describe(['', 'Unknown', 'unknown'], true),
      uid: uid as TransferSyntaxUid,
      explicitVr: true,
    }
  )
}

/** Undefined when PS3.6 has no transfer syntax of that keyword. */
export const transferSyntaxByKeyword = (keyword: string): TransferSyntax | undefined => BY_KEYWORD.get(keyword)

/** Whether the table knows the UID. */
export const isKnownTransferSyntax = (uid: string): boolean => BY_UID.has(uid)

export const IMPLICIT_VR_LITTLE_ENDIAN = transferSyntaxOf(ROOT)
export const EXPLICIT_VR_LITTLE_ENDIAN = transferSyntaxOf(`${ROOT}.1`)
export const DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = transferSyntaxOf(`${ROOT}.1.99`)
export const EXPLICIT_VR_BIG_ENDIAN = transferSyntaxOf(`${ROOT}.2`)
