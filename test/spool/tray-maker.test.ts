import { closeSync, constants, existsSync, fstatSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { TrayMaker } from '../../src/spool/tray-maker.ts'
import { temporaryDir } from '../support/processes.ts'

const flags = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR

test('files made on the thread are open here, and stay open when the thread has ended', async () => {
  await using dir = await temporaryDir('maker')
  const maker = new TrayMaker()
  const fds = await maker.make({ paths: ['a', 'b'].map((name) => join(dir.path, name)), flags })
  await maker.close()
  expect(fds).toHaveLength(2)
  for (const fd of fds) {
    writeFileSync(fd, 'still ours')
    expect(fstatSync(fd).size).toBe(10)
    closeSync(fd)
  }
})

test('where one cannot be made none is left, the reason is said, and the next order is carried out', async () => {
  await using dir = await temporaryDir('maker')
  const maker = new TrayMaker()
  const first = join(dir.path, 'first')
  const nowhere = join(dir.path, 'nowhere', 'second')
  await expect(maker.make({ paths: [first, nowhere], flags })).rejects.toMatchObject({ code: 'disk-io' })
  expect(existsSync(first)).toBe(false)
  const [fd = -1] = await maker.make({ paths: [first], flags })
  closeSync(fd)
  await maker.close()
})
