import { InstallFault } from '../../services/ports/package-installer.ts'

type Known = { readonly code: string; readonly cause: string; readonly transient?: boolean }

const UNREACHABLE: Known = {
  code: 'package-registry-unreachable',
  cause: 'The package registry could not be reached or did not answer in time.',
  transient: true,
}
const REFUSED: Known = {
  code: 'package-registry-refused',
  cause: "The package registry refused access: check npm's configuration.",
}
const NOT_FROM_REGISTRY: Known = {
  code: 'dependency-refused',
  cause: 'A dependency is a git, URL, file or link dependency, which is refused.',
}
const NO_VERSION: Known = {
  code: 'unknown-package-version',
  cause: 'The package registry has the package, but not a version that is asked for.',
}
const DAMAGED: Known = {
  code: 'package-damaged',
  cause: 'A package arrived torn or is not a readable archive.',
}

/** By the codes of npm, its libraries and the operating system. */
const KNOWN: Readonly<Record<string, Known>> = {
  E404: { code: 'unknown-package', cause: 'The package registry has no such package.' },
  ETARGET: NO_VERSION,
  ENOVERSIONS: NO_VERSION,
  E401: REFUSED,
  E403: REFUSED,
  ENEEDAUTH: REFUSED,
  ENOTFOUND: UNREACHABLE,
  EAI_AGAIN: UNREACHABLE,
  ECONNREFUSED: UNREACHABLE,
  ECONNRESET: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ERR_SOCKET_TIMEOUT: UNREACHABLE,
  E429: UNREACHABLE,
  EALLOWGIT: NOT_FROM_REGISTRY,
  EALLOWREMOTE: NOT_FROM_REGISTRY,
  EALLOWFILE: NOT_FROM_REGISTRY,
  EALLOWDIRECTORY: NOT_FROM_REGISTRY,
  ERESOLVE: {
    code: 'dependencies-conflict',
    cause: 'The dependencies of the package exclude each other.',
  },
  EINTEGRITY: {
    code: 'integrity-mismatch',
    cause: 'The bytes of a package are not those that the package registry announced.',
  },
  ENOSPC: { code: 'disk-full', cause: 'The disk is full.' },
  EDQUOT: { code: 'disk-full', cause: 'The disk quota is used up.' },
  EMAXREDIRECT: {
    code: 'package-registry-garbage',
    cause: 'The package registry redirects without end.',
  },
  FETCH_ERROR: {
    code: 'package-registry-garbage',
    cause: 'The package registry answered something that is not a package document.',
  },
  EANSWERTOOLARGE: {
    code: 'registry-answer-too-large',
    cause: 'The package registry answered more than is read of one document.',
  },
  TAR_BAD_ARCHIVE: DAMAGED,
  Z_DATA_ERROR: DAMAGED,
  Z_BUF_ERROR: DAMAGED,
}

/** @param fallback what is said about a code that nobody foresaw. */
export function faultOf(npmCode: string | undefined, fallback: Known): InstallFault {
  const code = npmCode ?? ''
  const server = /^E5\d\d$/.test(code) ? UNREACHABLE : undefined
  const known = KNOWN[code] ?? server ?? fallback
  return new InstallFault(known.code, known.cause, known.transient ?? false)
}
