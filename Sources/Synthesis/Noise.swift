/// Value noise: random numbers on a lattice of unit squares, smoothly interpolated.
struct Noise {
    var seed: UInt64

    /// A number in 0..<1 for each square of the lattice.
    @inline(__always)
    func value(_ column: Int, _ row: Int) -> Double {
        // SplitMix64's mixing (Random.swift) of the square's coordinates.
        var mixed =
            seed
            &+ UInt64(bitPattern: Int64(column)) &* 0x9E37_79B9_7F4A_7C15
            &+ UInt64(bitPattern: Int64(row)) &* 0xC2B2_AE3D_27D4_EB4F
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Double((mixed ^ (mixed >> 31)) >> 11) * 0x1p-53
    }

    /// The interpolated noise at a place.
    func at(_ place: Vector) -> Double {
        let corner = Vector(place.x.rounded(.down), place.y.rounded(.down))
        let (column, row) = (Int(corner.x), Int(corner.y))
        let part = place - corner
        let weight = part * part * (3 - 2 * part)
        let upper =
            value(column, row) + weight.x * (value(column + 1, row) - value(column, row))
        let lower =
            value(column, row + 1)
            + weight.x * (value(column + 1, row + 1) - value(column, row + 1))
        return upper + weight.y * (lower - upper)
    }

    /// A sum of octaves, each half as strong and twice as fine as the one before, in 0...1. Octaves finer
    /// than `pixel` are replaced by their mean.
    func octaves(_ count: Int, at place: Vector, pixel: Double) -> Double {
        var sum = 0.0
        var strength = 0.5
        var scale = 1.0
        for octave in 0..<count {
            let value =
                scale * pixel < 0.6
                ? Noise(seed: seed &+ UInt64(octave)).at(place * scale) : 0.5
            sum += strength * (value - 0.5)
            strength /= 2
            scale *= 2
        }
        return 0.5 + sum
    }

    /// Cellular noise (Worley 1996): the distances to the nearest and the second nearest of random points,
    /// one in each square of the lattice; and the nearest point's random number and square.
    func cell(
        at place: Vector
    ) -> (distance: Double, second: Double, number: Double, column: Int, row: Int) {
        let (column, row) = (Int(place.x.rounded(.down)), Int(place.y.rounded(.down)))
        var best = (distance: 9.0, second: 9.0, number: 0.0, column: 0, row: 0)
        let across = Noise(seed: seed &+ 101)
        let down = Noise(seed: seed &+ 202)
        for r in row - 1...row + 1 {
            for c in column - 1...column + 1 {
                let point = Vector(
                    Double(c) + 0.15 + 0.7 * across.value(c, r),
                    Double(r) + 0.15 + 0.7 * down.value(c, r))
                let distance = (place - point).length
                if distance < best.distance {
                    best = (distance, best.distance, value(c, r), c, r)
                } else if distance < best.second {
                    best.second = distance
                }
            }
        }
        return best
    }
}
