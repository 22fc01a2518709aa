import Foundation
import Tensors

/// A place or a displacement, x to the right and y down.
typealias Vector = SIMD2<Double>

extension Vector {
    /// A unit vector at an angle in degrees, counted from right towards up.
    init(degrees: Double) {
        self.init(cos(degrees * .pi / 180), -sin(degrees * .pi / 180))
    }

    var length: Double { (x * x + y * y).squareRoot() }

    /// The angle, counted as in ``init(degrees:)``.
    var degrees: Double { atan2(-y, x) * 180 / .pi }

    func dot(_ other: Vector) -> Double { x * other.x + y * other.y }

    /// The vector rotated by 90 degrees: up if it points right.
    var left: Vector { Vector(y, -x) }
}

/// A smooth step from 0 at `low` to 1 at `high`.
@inline(__always)
func smoothStep(_ low: Double, _ high: Double, _ value: Double) -> Double {
    let part = min(max((value - low) / (high - low), 0), 1)
    return part * part * (3 - 2 * part)
}

extension RandomNumberGenerator {
    /// A uniform random number in a range.
    mutating func draw(_ range: ClosedRange<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * nextUniform()
    }

    /// A uniform random element of an array.
    mutating func draw<Element>(from choices: [Element]) -> Element {
        choices[nextIndex(below: choices.count)]
    }
}
