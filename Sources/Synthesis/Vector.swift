import Foundation
import Tensors

/// A place or a displacement, x to the right and y down.
typealias Vector = SIMD2<Double>

extension Vector {
    /// Of length 1, turned from pointing right towards pointing up by an angle in degrees.
    init(degrees: Double) {
        self.init(cos(degrees * .pi / 180), -sin(degrees * .pi / 180))
    }

    var length: Double { (x * x + y * y).squareRoot() }

    /// Counted like ``init(degrees:)``.
    var degrees: Double { atan2(-y, x) * 180 / .pi }

    func dot(_ other: Vector) -> Double { x * other.x + y * other.y }

    /// This, turned by a right angle: up where it points right.
    var left: Vector { Vector(y, -x) }
}

/// From 0 at `low` to 1 at `high`, with a flat start and end.
@inline(__always)
func smoothStep(_ low: Double, _ high: Double, _ value: Double) -> Double {
    let part = min(max((value - low) / (high - low), 0), 1)
    return part * part * (3 - 2 * part)
}

extension RandomNumberGenerator {
    mutating func draw(_ range: ClosedRange<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * nextUniform()
    }

    mutating func draw<Element>(from choices: [Element]) -> Element {
        choices[nextIndex(below: choices.count)]
    }
}
