// A form that sends files one after the other, and says of each what became of it.
import { sayRefusal, size } from './calls.js'
import { hush, say } from './words.js'

/** Statuses that say nothing of the file; 0 is no answer. */
const NOT_THE_FILE = [0, 401, 403, 404, 429, 503, 507]

/**
 * @param form with a file input, a list, and the buttons to send, stop and clear
 * @param sendOne resolves with whether a file was taken, having said so in its answer
 */
export function startFileList(form, sendOne) {
  const input = form.querySelector('input[type=file]')
  const list = form.querySelector('.files')
  const answer = form.querySelector('.answer')
  const stop = form.querySelector('.stop')
  const clear = form.querySelector('.clear')
  let waiting = []
  let running

  const add = (files) => {
    for (const file of files) {
      const row = rowOf(file)
      list.append(row.element)
      waiting.push({ file, row })
    }
    clear.hidden = list.children.length === 0 || running !== undefined
    hush(answer)
  }

  input.addEventListener('change', () => {
    add(input.files)
    input.value = ''
  })
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    if (running !== undefined) return
    answer.classList.remove('bad')
    if (waiting.length === 0) {
      say(answer, 'none')
      input.focus()
      return
    }
    running = new AbortController()
    stop.hidden = false
    clear.hidden = true
    await sendAll()
    running = undefined
    stop.hidden = true
    clear.hidden = false
  })
  stop.addEventListener('click', () => running?.abort())
  clear.addEventListener('click', () => {
    waiting = []
    list.replaceChildren()
    clear.hidden = true
    hush(answer)
    input.focus()
  })
  acceptDrops(form.querySelector('.drop'), add)

  async function sendAll() {
    let good = 0
    let over = 0
    hush(answer)
    while (waiting.length > 0 && !running.signal.aborted) {
      const { file, row } = waiting[0]
      row.start()
      const taken = await sendOne(file, row, running.signal)
      row.end(taken)
      if (taken) good += 1
      if (!taken && row.status === 0 && !running.signal.aborted && !(await isReadable(file))) row.say('unreadable')
      // It is not the file's fault, and the others would fare no better: all of them wait for the next try.
      else if (!taken && NOT_THE_FILE.includes(row.status)) break
      waiting.shift()
      over += 1
    }
    say(answer, 'allDone', { good, all: over + waiting.length })
  }
}

/** Not a folder, nor a file that has gone meanwhile: of those the browser sends nothing, as if nobody answered. */
const isReadable = (file) =>
  file
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => true,
      () => false,
    )

/** One file's line: its name as text, its size, how far it is, and its answer. */
function rowOf(file) {
  const element = document.createElement('li')
  const name = document.createElement('span')
  name.className = 'name'
  name.textContent = `${file.name} (${size(file.size)})`
  const bar = document.createElement('progress')
  bar.max = 1
  bar.value = 0
  bar.setAttribute('aria-label', file.name)
  bar.hidden = true
  const answer = document.createElement('span')
  answer.className = 'became'
  say(answer, 'waiting')
  element.append(name, bar, answer)
  const row = {
    element,
    status: undefined,
    start: () => {
      bar.hidden = false
      element.classList.remove('good', 'bad')
      answer.classList.remove('bad')
      row.progress(0)
    },
    progress: (part) => {
      bar.value = part
      if (part < 1) say(answer, 'sending', { percent: Math.floor(part * 100) })
      else say(answer, 'checking')
    },
    end: (taken) => {
      bar.hidden = true
      element.classList.add(taken ? 'good' : 'bad')
    },
    say: (word, values) => say(answer, word, values),
    refuse: (status, message) => sayRefusal(answer, status, message),
  }
  return row
}

function acceptDrops(place, add) {
  // Beside the place a dropped file would replace the page.
  for (const type of ['dragover', 'drop']) window.addEventListener(type, (event) => event.preventDefault())
  place.addEventListener('dragover', () => place.classList.add('over'))
  place.addEventListener('dragleave', () => place.classList.remove('over'))
  place.addEventListener('drop', (event) => {
    place.classList.remove('over')
    add(event.dataTransfer.files)
  })
}
