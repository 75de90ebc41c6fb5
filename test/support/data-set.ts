// Part 10 files made on the spot, for tests and benches of any room: valid, deterministic, of any size.

/** What may be said of a CT image; everything else is the same in each. */
export interface CtOptions {
  /** Of the pixels, about; rounded to whole rows of 512 pixels. 0.5 MB unless told. */
  readonly sizeBytes?: number
  readonly sopInstanceUid?: string
  readonly studyInstanceUid?: string
  readonly seriesInstanceUid?: string
  readonly instanceNumber?: number
  readonly patientId?: string
  readonly patientName?: string
  readonly accessionNumber?: string
}

export interface MadeInstance {
  readonly sopClassUid: string
  readonly sopInstanceUid: string
  readonly transferSyntaxUid: string
  /** In Explicit VR Little Endian, as a C-STORE carries it. */
  readonly dataSet: Buffer
  /** The same behind a preamble and its meta information. */
  readonly file: Buffer
}

const CT_IMAGE = '1.2.840.10008.5.1.4.1.1.2'
const EXPLICIT_LITTLE = '1.2.840.10008.1.2.1'
const COLUMNS = 512
const LONG = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV'])

/** One element: `tag` as eight hexadecimal digits, the value as text or bytes, padded here. */
export function madeElement(tag: string, vr: string, value: string | Buffer): Buffer {
  const plain = typeof value === 'string' ? Buffer.from(value, 'latin1') : value
  const padding = vr === 'UI' || vr === 'OB' || vr === 'UN' ? 0 : 0x20
  const bytes = plain.length % 2 === 0 ? plain : Buffer.concat([plain, Buffer.of(padding)])
  const head = Buffer.alloc(LONG.has(vr) ? 12 : 8)
  head.writeUInt16LE(Number.parseInt(tag.slice(0, 4), 16), 0)
  head.writeUInt16LE(Number.parseInt(tag.slice(4), 16), 2)
  head.write(vr, 4, 'latin1')
  if (LONG.has(vr)) head.writeUInt32LE(bytes.length, 8)
  else head.writeUInt16LE(bytes.length, 6)
  return Buffer.concat([head, bytes])
}

const us = (...numbers: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(numbers.length * 2)
  for (const [i, number] of numbers.entries()) bytes.writeUInt16LE(number, i * 2)
  return bytes
}

// The same picture for everyone: pixels do not matter, their bytes must only not be all alike.
const pictures = new Map<number, Buffer>()

function picture(rows: number): Buffer {
  let pixels = pictures.get(rows)
  if (pixels === undefined) {
    pixels = Buffer.allocUnsafe(rows * COLUMNS * 2)
    let seed = 12_345
    const made = Math.min(pixels.length, 1024 * 1024)
    for (let at = 0; at < made; at += 2) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      pixels.writeUInt16LE((seed >>> 16) & 0x0fff, at)
    }
    // What is larger is the same again: nobody waits for pixels.
    for (let at = made; at < pixels.length; at += made) pixels.copyWithin(at, 0, Math.min(made, pixels.length - at))
    pictures.set(rows, pixels)
  }
  return pixels
}

/** A CT Image Storage instance, 512 pixels wide, 16 bits each. The same options give the same bytes. */
export function ctInstance(options: CtOptions = {}): MadeInstance {
  const number = options.instanceNumber ?? 1
  const study = options.studyInstanceUid ?? '2.25.314159'
  const series = options.seriesInstanceUid ?? `${study}.1`
  const sopInstanceUid = options.sopInstanceUid ?? `${series}.${number}`
  const rows = Math.max(1, Math.min(65_535, Math.round((options.sizeBytes ?? 524_288) / (COLUMNS * 2))))
  const dataSet = Buffer.concat([
    madeElement('00080005', 'CS', 'ISO_IR 100'),
    madeElement('00080008', 'CS', 'ORIGINAL\\PRIMARY\\AXIAL'),
    madeElement('00080016', 'UI', CT_IMAGE),
    madeElement('00080018', 'UI', sopInstanceUid),
    madeElement('00080020', 'DA', '20261121'),
    madeElement('00080022', 'DA', '20261121'),
    madeElement('00080030', 'TM', '081500'),
    madeElement('00080050', 'SH', options.accessionNumber ?? 'ACC0001'),
    madeElement('00080060', 'CS', 'CT'),
    madeElement('00080070', 'LO', 'Example Works'),
    madeElement('00080080', 'LO', 'Example Hospital'),
    madeElement('00080090', 'PN', 'Referrer^Rita'),
    madeElement('00081010', 'SH', 'CT_ONE'),
    madeElement('00081030', 'LO', 'Chest'),
    madeElement('00100010', 'PN', options.patientName ?? 'Example^Emma'),
    madeElement('00100020', 'LO', options.patientId ?? 'ID0001'),
    madeElement('00100030', 'DA', '19800101'),
    madeElement('00100040', 'CS', 'F'),
    madeElement('00180050', 'DS', '1.25'),
    madeElement('00180060', 'DS', '120'),
    madeElement('0020000D', 'UI', study),
    madeElement('0020000E', 'UI', series),
    madeElement('00200010', 'SH', 'STUDY1'),
    madeElement('00200011', 'IS', '1'),
    madeElement('00200013', 'IS', String(number)),
    madeElement('00200032', 'DS', `-250\\-250\\${number * 1.25}`),
    madeElement('00200037', 'DS', '1\\0\\0\\0\\1\\0'),
    madeElement('00200052', 'UI', `${study}.9`),
    madeElement('00201040', 'LO', ''),
    madeElement('00280002', 'US', us(1)),
    madeElement('00280004', 'CS', 'MONOCHROME2'),
    madeElement('00280010', 'US', us(rows)),
    madeElement('00280011', 'US', us(COLUMNS)),
    madeElement('00280030', 'DS', '0.9765625\\0.9765625'),
    madeElement('00280100', 'US', us(16)),
    madeElement('00280101', 'US', us(12)),
    madeElement('00280102', 'US', us(11)),
    madeElement('00280103', 'US', us(0)),
    madeElement('00281052', 'DS', '-1024'),
    madeElement('00281053', 'DS', '1'),
    madeElement('7FE00010', 'OW', picture(rows)),
  ])
  const made = { sopClassUid: CT_IMAGE, sopInstanceUid, transferSyntaxUid: EXPLICIT_LITTLE, dataSet }
  return { ...made, file: part10(made) }
}

/** A Part 10 file around a data set. */
export function part10(instance: Omit<MadeInstance, 'file'>): Buffer {
  const meta = Buffer.concat([
    madeElement('00020001', 'OB', Buffer.of(0, 1)),
    madeElement('00020002', 'UI', instance.sopClassUid),
    madeElement('00020003', 'UI', instance.sopInstanceUid),
    madeElement('00020010', 'UI', instance.transferSyntaxUid),
    madeElement('00020012', 'UI', '2.25.271828'),
  ])
  const length = Buffer.alloc(4)
  length.writeUInt32LE(meta.length)
  const head = [Buffer.alloc(128), Buffer.from('DICM'), madeElement('00020000', 'UL', length), meta]
  return Buffer.concat([...head, instance.dataSet])
}

/** A file without one element of its data set, found by its tag and VR as they stand there, in hexadecimal. */
export function withoutElement(file: Buffer, element: string): Buffer {
  const at = file.lastIndexOf(Buffer.from(element, 'hex'))
  return Buffer.concat([file.subarray(0, at), file.subarray(at + 8 + file.readUInt16LE(at + 6))])
}
