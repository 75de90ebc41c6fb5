import { ask, sayRefusal, sayWorking, send, size, startToken } from './calls.js'
import { startFileList } from './file-list.js'
import { say, startWords } from './words.js'

const find = (selector) => document.querySelector(selector)
const typed = (selector) => find(selector).value.trim()

/** Runs a form of one question at a time. */
function onSubmit(form, answer, act) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const button = form.querySelector('[type=submit]')
    if (button.getAttribute('aria-disabled') === 'true') return
    button.setAttribute('aria-disabled', 'true')
    sayWorking(answer)
    await act(answer)
    button.removeAttribute('aria-disabled')
  })
}

/** `not-dicom 2, changed` */
function counted(reasons) {
  const counts = new Map()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return [...counts].map(([reason, count]) => (count === 1 ? reason : `${reason} ${count}`)).join(', ')
}

async function upload(file, row, signal) {
  const body = new FormData()
  // Before the file: what is to be set is known when its first byte comes.
  if (typed('#upload-patient') !== '') body.append('patientid', typed('#upload-patient'))
  if (typed('#upload-acc') !== '') body.append('acc', typed('#upload-acc'))
  body.append('file', file)
  const { status, answer } = await send('/api/dicom/upload', { body, progress: row.progress, signal })
  row.status = status
  if (signal.aborted && status === 0) return row.say('stopped')
  const { transfers = [], refused = [], study = '', message } = answer
  const reasons = counted(refused.map(({ reason }) => reason))
  if (status === 200) row.say('accepted', { count: transfers.length, study })
  else if (status === 207) row.say('acceptedSome', { count: transfers.length, refused: refused.length, reasons })
  else if (refused.length > 0) row.say('refusedAll', { reasons })
  else row.refuse(status, message)
  return status === 200
}

async function relay(file, row, signal) {
  const path = `/${encodeURIComponent(typed('#scu'))}/${encodeURIComponent(typed('#scp'))}/studies`
  const headers = { 'content-type': 'application/dicom', accept: 'application/dicom+json' }
  const { status, answer } = await send(path, { body: file, headers, progress: row.progress, signal })
  row.status = status
  if (signal.aborted && status === 0) return row.say('stopped')
  const reasons = ['00081198', '0008119A'].flatMap((tag) =>
    (answer[tag]?.Value ?? []).map((item) => hex(item['00081197']?.Value?.[0])),
  )
  if (reasons.length > 0) row.say('relayRefused', { reasons: counted(reasons) })
  else if (status === 200) row.say('relayed')
  else if (status === 202 || status === 206) row.say('relayWaits')
  else if (status === 404) row.say('relayUnknown')
  else row.refuse(status, answer.message)
  return reasons.length === 0 && [200, 202, 206].includes(status)
}

const hex = (reason) => `${Number(reason).toString(16).toUpperCase().padStart(4, '0')}H`

async function download(answer) {
  const { status, response, json } = await ask(`/api/dicom/download/${encodeURIComponent(typed('#uid'))}`)
  if (status !== 200) return sayRefusal(answer, status, (await json()).message)
  let bytes = 0
  const counting = new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.length
      say(answer, 'downloading', { size: size(bytes) })
      controller.enqueue(chunk)
    },
  })
  try {
    const blob = await new Response(response.body.pipeThrough(counting)).blob()
    const name = /filename="([\w.-]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? 'download'
    keep(blob, name)
    say(answer, 'downloaded', { name, size: size(blob.size) })
  } catch {
    sayRefusal(answer, 0)
  }
}

/** Hands it to the browser as a file. */
function keep(blob, name) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

async function process(answer) {
  const fields = [...new FormData(find('#process-form'))].map(([name, value]) => [name, value.trim()])
  const asked = Object.fromEntries(fields.filter(([, value]) => value !== ''))
  if (asked.study === undefined && asked.acc === undefined) {
    answer.classList.add('bad')
    return say(answer, 'processNeeds')
  }
  const headers = { 'content-type': 'application/json' }
  const { status, json } = await ask('/api/dicom/process', { method: 'POST', body: JSON.stringify(asked), headers })
  const { message, study = '' } = await json()
  if (status === 200 || status === 202) say(answer, 'succeeded', { study })
  else sayRefusal(answer, status, message)
}

async function imagingStudy(answer) {
  const { status, json } = await ask(`/api/dicom/imageid/${encodeURIComponent(typed('#imaging-acc'))}`)
  const { imagingStudy_id: id, patient_reference: patient, message } = await json()
  if (status === 200) say(answer, 'imagingFound', { id, patient })
  else if (status === 404) say(answer, 'imagingNone')
  else sayRefusal(answer, status, message)
}

/** What this Kurir does not offer is shown as such: its description says what it does. */
async function lookWhatIsOffered() {
  const { json } = await ask('/openapi.json')
  const { paths = {} } = await json()
  for (const section of document.querySelectorAll('[data-needs]')) {
    const [method, path] = section.dataset.needs.split(' ')
    const offered = paths[path]?.[method] !== undefined
    section.querySelector('.note').hidden = offered
    section.querySelector('fieldset').disabled = !offered
  }
  const version = (await (await ask('/version')).json()).version
  if (typeof version === 'string') find('#version').textContent = version
}

startWords()
startToken()
startFileList(find('#upload-form'), upload)
startFileList(find('#relay-form'), relay)
onSubmit(find('#download-form'), find('#download-answer'), download)
onSubmit(find('#process-form'), find('#process-answer'), process)
onSubmit(find('#imaging-form'), find('#imaging-answer'), imagingStudy)
await lookWhatIsOffered()
document.documentElement.dataset.ready = 'true'
