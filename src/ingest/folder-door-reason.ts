import type { Part10Refusal } from './part10-reception.ts'

/** Why a dropped file was not taken. */
export type DropRefusal = Part10Refusal | 'unreadable-file'

/** What stands beside a refused file, for whoever finds it there: first in English, then in Bahasa Indonesia. */
const SENTENCES: Readonly<Record<DropRefusal, readonly [string, string]>> = {
  empty: [
    'The file is empty. Copy it again from where it came from.',
    'Berkas ini kosong. Salin ulang dari sumbernya.',
  ],
  'not-dicom': [
    'The file is not DICOM: it has neither the mark of a DICOM file nor a readable first element.',
    'Berkas ini bukan DICOM: tidak ada tanda berkas DICOM dan elemen pertamanya tidak dapat dibaca.',
  ],
  'no-sop-instance-uid': [
    'The file does not say which instance it is: SOP Class UID or SOP Instance UID is missing.',
    'Berkas ini tidak menyebutkan identitasnya: SOP Class UID atau SOP Instance UID tidak ada.',
  ],
  'unreadable-file': [
    'The operating system does not let the file be read. Check its permissions and the disk, then move it back.',
    'Sistem operasi tidak mengizinkan berkas ini dibaca. Periksa izin berkas dan disk, lalu pindahkan kembali.',
  ],
}

export const refusalText = (reason: DropRefusal): string => `${reason}\n\n${SENTENCES[reason].join('\n')}\n`
