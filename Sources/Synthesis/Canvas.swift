import Images
import Tensors

/// The share of a pixel inside a shape, from the distance of its centre to the edge.
@inline(__always)
func coverage(at distance: Double, size: Double) -> Double {
    min(max(0.5 - distance * size, 0), 1)
}

/// A square picture that is being painted. Places are in 0...1 along each side, so that the painting is the
/// same at any size, only finer.
struct Canvas {
    let size: Int
    private(set) var tints: [Tint]

    /// The side of a pixel.
    var pixel: Double { 1 / Double(size) }

    init(size: Int, _ tint: (Vector) -> Tint) {
        self.size = size
        tints = []
        tints.reserveCapacity(size * size)
        for row in 0..<size {
            for column in 0..<size {
                tints.append(tint(Canvas.centre(column, row, size)))
            }
        }
    }

    @inline(__always)
    private static func centre(_ column: Int, _ row: Int, _ size: Int) -> Vector {
        Vector(Double(column) + 0.5, Double(row) + 0.5) / Double(size)
    }

    /// Mixes a tint into every pixel of a rectangle, with a weight in 0...1.
    @inline(__always)
    mutating func paint(
        from low: Vector, to high: Vector,
        _ paint: (_ place: Vector, _ pixel: Int, _ under: Tint) -> (tint: Tint, weight: Double)
    ) {
        let size = self.size
        func range(_ low: Double, _ high: Double) -> Range<Int> {
            let first = min(max(Int((low * Double(size)).rounded(.down)) - 1, 0), size)
            return first..<max(first, min(Int((high * Double(size)).rounded(.up)) + 1, size))
        }
        let columns = range(low.x, high.x)
        tints.withUnsafeMutableBufferPointer { tints in
            for row in range(low.y, high.y) {
                for column in columns {
                    let at = row * size + column
                    let (tint, weight) = paint(Canvas.centre(column, row, size), at, tints[at])
                    if weight > 0 { tints[at] = tints[at].mixed(with: tint, weight) }
                }
            }
        }
    }

    /// Paints a soft shadow on the ground.
    ///
    /// - Parameter along: the direction of the ground in the picture.
    mutating func shade(
        around centre: Vector, along: Vector = Vector(1, 0), width: Double, height: Double,
        strength: Double
    ) {
        let reach = Vector(repeating: max(width, height) * 1.5)
        paint(from: centre - reach, to: centre + reach) { place, _, under in
            let away = place - centre
            let offset = Vector(away.dot(along), away.dot(-along.left)) / Vector(width, height)
            let weight = 1 - smoothStep(0.3, 1.45, offset.length)
            return (under * 0.35, weight * strength)
        }
    }

    /// The picture with 8 bits per channel.
    var image: Image {
        var pixels: [UInt8] = []
        pixels.reserveCapacity(tints.count * 3)
        for tint in tints {
            let levels = pointwiseMin(pointwiseMax(tint, .zero), Tint(repeating: 1)) * 255 + 0.5
            pixels.append(UInt8(levels.x))
            pixels.append(UInt8(levels.y))
            pixels.append(UInt8(levels.z))
        }
        return Image(width: size, height: size, pixels: pixels)
    }
}
