// What the page says, in both languages. `{name}` is where a value goes.
const WORDS = {
  en: {
    skip: 'Skip to the forms',
    token: 'Token',
    tokenLabel: 'Your token',
    tokenUse: 'Use it',
    tokenForget: 'Forget it',
    tokenHint: 'It is kept in this tab until you close it, and nowhere else.',
    tokenKept: 'The token is in use.',
    tokenForgotten: 'The token is forgotten.',
    tokenBad: 'A token has letters, digits and signs, and no spaces.',
    upload: 'Upload',
    uploadFiles: 'DICOM files or ZIP archives: choose them, or drop them here',
    setPatientId: 'Set patient ID',
    setAccession: 'Set accession number',
    choose: 'Choose files',
    send: 'Send',
    stop: 'Stop',
    clear: 'Clear the list',
    none: 'Choose files first.',
    waiting: 'waits',
    sending: '{percent} %',
    checking: 'sent; waiting for the answer',
    stopped: 'stopped',
    accepted: 'Accepted: {count}. Study {study}',
    acceptedSome: 'Accepted: {count}, refused: {refused} ({reasons})',
    refusedAll: 'Refused ({reasons})',
    allDone: 'Done: {good} of {all} files.',
    download: 'Download',
    downloadUid: 'UID of a study, a series or an instance',
    downloadDo: 'Download',
    downloading: '{size} so far',
    downloaded: '{name}: {size}.',
    relay: 'Send straight to an archive',
    relayScu: 'Calling AE title (scu)',
    relayScp: 'Called AE title (scp)',
    relayFiles: 'DICOM files: choose them, or drop them here',
    relayed: 'The archive has it.',
    relayWaits: 'Safe here; the archive has not taken it yet. It stays queued.',
    relayRefused: 'Refused, status {reasons}',
    relayUnknown: 'No destination is called so by this caller.',
    process: 'Fetch and forward a study',
    processDo: 'Fetch and forward',
    processNeeds: 'Give a study UID or an accession number.',
    studyUid: 'Study Instance UID',
    accession: 'Accession number',
    patientId: 'Patient ID',
    source: 'Source',
    destination: 'Destination',
    imaging: 'ImagingStudy at SATUSEHAT',
    imagingDo: 'Look up',
    imagingFound: 'ImagingStudy {id}, {patient}',
    imagingNone: 'There is none yet.',
    notConfigured: 'Not configured: this Kurir does not offer it.',
    working: 'Working …',
    succeeded: 'Done. Study {study}',
    status401: 'The token is not known. Type it again.',
    status403: 'The token lacks the role for this.',
    status404: 'Nothing of that is here.',
    status413: 'It is larger than is taken.',
    status429: 'Too many at once. Try again later.',
    status503: 'It cannot be taken now. Try again later.',
    status507: 'There is no room. Try again later.',
    statusOther: 'It did not work: {message} ({status})',
    unreachable: 'Kurir does not answer, or the connection broke. Try again.',
    unreadable: 'The browser cannot read it: it is a folder, or has gone since it was chosen.',
    tokenFirst: 'Type your token first.',
    docs: 'How applications call this port',
  },
  id: {
    skip: 'Langsung ke formulir',
    token: 'Token',
    tokenLabel: 'Token Anda',
    tokenUse: 'Pakai',
    tokenForget: 'Lupakan',
    tokenHint: 'Disimpan di tab ini sampai Anda menutupnya, dan tidak di tempat lain.',
    tokenKept: 'Token dipakai.',
    tokenForgotten: 'Token sudah dilupakan.',
    tokenBad: 'Token terdiri dari huruf, angka, dan tanda, tanpa spasi.',
    upload: 'Unggah',
    uploadFiles: 'Berkas DICOM atau arsip ZIP: pilih, atau seret ke sini',
    setPatientId: 'Tetapkan ID pasien',
    setAccession: 'Tetapkan nomor aksesi',
    choose: 'Pilih berkas',
    send: 'Kirim',
    stop: 'Hentikan',
    clear: 'Kosongkan daftar',
    none: 'Pilih berkas dahulu.',
    waiting: 'menunggu',
    sending: '{percent} %',
    checking: 'terkirim; menunggu jawaban',
    stopped: 'dihentikan',
    accepted: 'Diterima: {count}. Studi {study}',
    acceptedSome: 'Diterima: {count}, ditolak: {refused} ({reasons})',
    refusedAll: 'Ditolak ({reasons})',
    allDone: 'Selesai: {good} dari {all} berkas.',
    download: 'Unduh',
    downloadUid: 'UID studi, seri, atau instance',
    downloadDo: 'Unduh',
    downloading: '{size} sudah diunduh',
    downloaded: '{name}: {size}.',
    relay: 'Kirim langsung ke arsip',
    relayScu: 'AE title pemanggil (scu)',
    relayScp: 'AE title yang dipanggil (scp)',
    relayFiles: 'Berkas DICOM: pilih, atau seret ke sini',
    relayed: 'Arsip sudah menerimanya.',
    relayWaits: 'Aman di sini; arsip belum menerimanya. Tetap dalam antrean.',
    relayRefused: 'Ditolak, status {reasons}',
    relayUnknown: 'Tidak ada tujuan dengan nama itu untuk pemanggil ini.',
    process: 'Ambil dan teruskan studi',
    processDo: 'Ambil dan teruskan',
    processNeeds: 'Isi UID studi atau nomor aksesi.',
    studyUid: 'Study Instance UID',
    accession: 'Nomor aksesi',
    patientId: 'ID pasien',
    source: 'Sumber',
    destination: 'Tujuan',
    imaging: 'ImagingStudy di SATUSEHAT',
    imagingDo: 'Cari',
    imagingFound: 'ImagingStudy {id}, {patient}',
    imagingNone: 'Belum ada.',
    notConfigured: 'Belum dikonfigurasi: Kurir ini tidak menyediakannya.',
    working: 'Sedang diproses …',
    succeeded: 'Selesai. Studi {study}',
    status401: 'Token tidak dikenal. Ketik lagi.',
    status403: 'Token tidak punya peran untuk ini.',
    status404: 'Tidak ditemukan di sini.',
    status413: 'Terlalu besar untuk diterima.',
    status429: 'Terlalu banyak permintaan sekaligus. Coba lagi nanti.',
    status503: 'Saat ini belum dapat diterima. Coba lagi nanti.',
    status507: 'Ruang penyimpanan tidak cukup. Coba lagi nanti.',
    statusOther: 'Tidak berhasil: {message} ({status})',
    unreachable: 'Kurir tidak menjawab, atau sambungan terputus. Coba lagi.',
    unreadable: 'Peramban tidak dapat membacanya: ini folder, atau sudah tidak ada sejak dipilih.',
    tokenFirst: 'Ketik token Anda dahulu.',
    docs: 'Cara aplikasi memanggil port ini',
  },
}

const KEPT = 'kurir.language'
let language = 'en'

/** Puts a sentence into an element, as text and never as markup; it changes with the language. */
export function say(element, word, values = {}) {
  element.dataset.word = word
  element.dataset.values = JSON.stringify(values)
  element.textContent = sentence(word, values)
}

/** Takes away what an element said. */
export function hush(element) {
  delete element.dataset.word
  element.textContent = ''
}

function sentence(word, values) {
  const text = WORDS[language][word] ?? WORDS.en[word] ?? word
  return text.replaceAll(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''))
}

function speak(chosen) {
  language = chosen
  document.documentElement.lang = chosen
  for (const element of document.querySelectorAll('[data-word]')) {
    element.textContent = sentence(element.dataset.word, JSON.parse(element.dataset.values ?? '{}'))
  }
  for (const button of document.querySelectorAll('[data-language]')) {
    button.setAttribute('aria-pressed', String(button.dataset.language === chosen))
  }
}

/** The language kept in this tab, else the browser's where it is one of ours; and the buttons that change it. */
export function startWords() {
  const kept = sessionStorage.getItem(KEPT)
  speak(kept !== null && kept in WORDS ? kept : navigator.language.startsWith('id') ? 'id' : 'en')
  for (const button of document.querySelectorAll('[data-language]')) {
    button.addEventListener('click', () => {
      sessionStorage.setItem(KEPT, button.dataset.language)
      speak(button.dataset.language)
    })
  }
}
