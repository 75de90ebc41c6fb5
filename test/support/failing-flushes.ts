// Loaded before a process (`node --import`), lets some of the writes that are their own flush (O_DSYNC, those of small
// objects) end as on a disk whose flush fails: the bytes are there, and the system says EIO.
import fs from 'node:fs'

type Write = typeof fs.write
type Done = (error: NodeJS.ErrnoException | null, written: number) => void

const { write } = fs
let writes = 0

const failing = (fd: number, bytes: Buffer, offset: number, length: number, position: number, done: Done): void => {
  writes += 1
  const fails = writes % 4 === 2
  write(fd, bytes, offset, length, position, (error, written) =>
    done(fails ? Object.assign(new Error('EIO'), { code: 'EIO' }) : error, written),
  )
}

Object.assign(fs, { write: failing as unknown as Write })
