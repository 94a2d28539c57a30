import { killTest } from '../support/installer-kills.ts'

killTest('update')
