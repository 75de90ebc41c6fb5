// A lock between processes that dies with its holder. Plain JavaScript for any Node from 18 on.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_AGAIN_MS = 200

/**
 * Does the work while no other process does it.
 *
 * @template T
 * @param {string} path the file whose existence is the lock
 * @param {(sentence: string) => void} say told once when another process holds it
 * @param {() => T} work
 * @returns {Promise<T>}
 */
export async function withLock(path, say, work) {
  for (let told = false; !take(path); ) {
    if (dropDead(path)) continue
    if (!told) say('another process is installing; waiting for it')
    told = true
    await sleep(LOOK_AGAIN_MS)
  }
  try {
    return work()
  } finally {
    rmSync(path, { force: true })
  }
}

function take(path) {
  try {
    writeFileSync(path, identity(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

/** Takes away the lock of a process that is no more; says whether there was such a one. */
function dropDead(path) {
  const holder = read(path)
  // An empty file is a lock between its making and its writing.
  if (holder === undefined) return true
  if (holder === '' || identity(Number.parseInt(holder, 10)) === holder) return false
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
  } catch {
    return true
  }
  // Another one may have dropped it and taken a new one since we read: that one is put back.
  if (read(aside) !== holder) linkBack(aside, path)
  rmSync(aside, { force: true })
  return true
}

function linkBack(aside, path) {
  try {
    linkSync(aside, path)
  } catch {
    // A third one holds it by now.
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** A process number with its time of start, since numbers are used again; the number alone when it does not run. */
function identity(pid) {
  // The name in brackets may hold spaces and brackets of its own; the start time is the 20th field behind it.
  const stat = read(`/proc/${pid}/stat`)
  const started = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  return started === undefined ? `${pid}` : `${pid} ${started}`
}
