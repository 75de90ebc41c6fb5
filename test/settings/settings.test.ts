import { describe, expect, test } from '@jest/globals'
import { listSettings, readSettings } from '../../src/settings/settings.ts'
import { SETTINGS } from '../../src/settings/table.ts'

const refusal = (environment: Record<string, string>): string => {
  try {
    readSettings(environment)
  } catch (error) {
    return String((error as { message?: unknown }).message)
  }
  return ''
}

describe('settings', () => {
  test('an empty environment gives the defaults', () => {
    const settings = readSettings({})
    expect(settings.aeTitles).toEqual(['KURIR'])
    expect(settings.dicomPort).toBe(11112)
    expect(settings.adminHost).toBe('127.0.0.1')
    expect(settings.spoolFreeMin).toEqual({ share: 0.05 })
    expect(settings.dimseTimeout).toBe(10_000)
  })

  test('several AE titles may be ours', () => {
    expect(readSettings({ KURIR_AE_TITLE: 'KURIR, DCMROUTER' }).aeTitles).toEqual(['KURIR', 'DCMROUTER'])
  })

  test('a free-disk mark is a share or bytes', () => {
    expect(readSettings({ KURIR_SPOOL_FREE_MIN: '20G' }).spoolFreeMin).toEqual({ bytes: 20 * 2 ** 30 })
    expect(readSettings({ KURIR_SPOOL_FREE_MIN: '2.5%' }).spoolFreeMin).toEqual({ share: 0.025 })
  })

  test.each([
    ['KURIR_AE_TITLE', 'A_TITLE_THAT_IS_TOO_LONG', 'AE titles of 1 to 16 characters'],
    ['KURIR_AE_TITLE', '', 'AE titles'],
    ['KURIR_DICOM_PORT', '70000', 'a port from 0'],
    ['KURIR_DICOM_PORT', '1e3', 'a port from 0'],
    ['KURIR_DICOM_HOST', '', 'an address'],
    ['KURIR_ACCEPT_ANY_CALLED_AE', 'yes', 'true or false'],
    ['KURIR_SPOOL_FREE_MIN', 'lots', 'a share such as 5%'],
    ['KURIR_MAX_ASSOCIATIONS', '0', 'a whole number from 1'],
    ['KURIR_DIMSE_TIMEOUT', '10', 'a duration such as 10s'],
    ['KURIR_DIMSE_TIMEOUT', '0s', 'a duration such as 10s'],
    ['KURIR_TIMEZONE', 'Jakarta', 'an IANA time zone'],
    ['KURIR_LOG_LEVEL', 'loud', 'one of debug'],
  ])('%s=%s is refused with what it must be', (variable, given, mustBe) => {
    expect(refusal({ [variable]: given })).toContain(`${variable} must be ${mustBe}`)
  })

  test('everything wrong is named at once, misspelt names included', () => {
    const lines = refusal({ KURIR_DICOM_PORT: 'x', KURIR_LOG_LEVEL: 'x', KURIR_DICM_PORT: '1' }).split('\n')
    expect(lines).toHaveLength(3)
    expect(lines[0]).toBe('KURIR_DICM_PORT is not a setting; "kurir settings" lists them all')
  })

  test('the list says what is in force and what was left alone', () => {
    const lines = listSettings({ KURIR_DICOM_PORT: '104' })
    expect(lines).toHaveLength(Object.keys(SETTINGS).length)
    expect(lines.find((line) => line.variable === 'KURIR_DICOM_PORT')).toMatchObject({ value: '104', isDefault: false })
    expect(lines.filter((line) => !line.isDefault)).toHaveLength(1)
  })
})
