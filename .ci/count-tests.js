// Counts the tests of a vitest JSON report: `node count-tests.js REPORT EXIT_STATUS`.
// Prints a line for the architecture and pack tests and for each file that failed, then "PASSED FAILED".
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'

const [report, status] = process.argv.slice(2)

function countFile(file) {
  const count = (state) => file.assertionResults.filter((test) => test.status === state).length
  const failed = count('failed')
  // A file that cannot be loaded, or whose hooks fail, has no failed test of its own.
  return { passed: count('passed'), failed: failed === 0 && file.status === 'failed' ? 1 : failed }
}

let passed = 0
let failed = 0
if (report !== undefined && existsSync(report)) {
  for (const file of JSON.parse(readFileSync(report, 'utf8')).testResults) {
    const counts = countFile(file)
    passed += counts.passed
    failed += counts.failed
    const path = relative(process.cwd(), file.name)
    if (counts.failed > 0 || /^test\/(architecture|pack)\./.test(path)) {
      process.stdout.write(`   ${path}: ${counts.passed} passed, ${counts.failed} failed\n`)
    }
  }
} else {
  process.stdout.write('   the run left no report\n')
}
// An error outside of any test fails the run without failing a test.
if (status !== '0' && failed === 0) failed = 1
if (passed === 0 && failed === 0) failed = 1
process.stdout.write(`${passed} ${failed}\n`)
