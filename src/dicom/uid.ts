import type { Brand } from '../base/brand.ts'
import { unpadEnd } from './padding.ts'

/** A DICOM unique identifier: VR UI without its padding (PS3.5 9.1). */
export type Uid = Brand<string, 'Uid'>
export type SopClassUid = Uid & Brand<string, 'SopClassUid'>
export type SopInstanceUid = Uid & Brand<string, 'SopInstanceUid'>
export type StudyInstanceUid = Uid & Brand<string, 'StudyInstanceUid'>
export type SeriesInstanceUid = Uid & Brand<string, 'SeriesInstanceUid'>
export type TransferSyntaxUid = Uid & Brand<string, 'TransferSyntaxUid'>

// Liberal at the door: components with leading zeros and trailing dots exist in the field and must pass as they are.
const RECEIVABLE = /^[0-9.]{1,64}$/
// Strict with the pen (PS3.5 9.1): no empty component, no leading zero.
const WRITABLE = /^(?=.{1,64}$)(0|[1-9]\d*)(\.(0|[1-9]\d*))*$/

/** Takes off the NUL or space padding of a UI value. */
export const unpadUid = unpadEnd

/** Undefined when the text, unpadded, cannot be a UID at all. The caller says by `T` which kind it stands for. */
export function parseUid<T extends Uid = Uid>(text: string): T | undefined {
  const uid = unpadUid(text)
  return RECEIVABLE.test(uid) ? (uid as T) : undefined
}

/** Whether we would write this UID ourselves (PS3.5 9.1). */
export const isWritableUid = (uid: string): boolean => WRITABLE.test(uid)
