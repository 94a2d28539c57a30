// Lanczos' approximation with g = 7 and nine terms: about 15 digits.
const G = 7
const TERMS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
  -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
  1.5056327351493116e-7,
]

/** The logarithm of the absolute value of gamma. */
export function logGamma(value: number): number {
  if (value === 1 || value === 2) return 0
  if (value <= 0 && Number.isInteger(value)) return Number.POSITIVE_INFINITY
  if (value < 0.5)
    return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * value))) - logGamma(1 - value)
  const { series, base } = parts(value - 1)
  return 0.5 * Math.log(2 * Math.PI) + (value - 0.5) * Math.log(base) - base + Math.log(series)
}

export function gamma(value: number): number {
  if (Number.isInteger(value) && value > 0 && value < 171) return factorial(value - 1)
  if (value <= 0 && Number.isInteger(value)) return value === 0 ? 1 / value : Number.NaN
  if (value < 0.5) return Math.PI / (Math.sin(Math.PI * value) * gamma(1 - value))
  const { series, base } = parts(value - 1)
  const half = base ** ((value - 0.5) / 2)
  return Math.sqrt(2 * Math.PI) * half * Math.exp(-base) * half * series
}

function parts(value: number): { series: number; base: number } {
  const series = TERMS.reduce((sum, term, at) => (at === 0 ? term : sum + term / (value + at)), 0)
  return { series, base: value + G + 0.5 }
}

function factorial(value: number): number {
  let product = 1
  for (let each = 2; each <= value; each++) product *= each
  return product
}
