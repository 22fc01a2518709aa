import Tensors

/// The light of a picture, from above and a random side.
struct Light {
    private let direction: Tint
    private let ambient: Double

    init(using generator: inout some RandomNumberGenerator) {
        let aside = generator.draw(-0.55...0.55)
        let toward = Tint(aside, -0.75, 0.65)
        direction = toward / (toward * toward).sum().squareRoot()
        ambient = generator.draw(0.52...0.66)
    }

    /// The brightness of a round surface.
    ///
    /// - Parameter offset: the offset from the surface's centre, in radii.
    @inline(__always)
    func on(_ offset: Vector) -> Double {
        let square = min(offset.dot(offset), 1)
        let depth = (1 - square).squareRoot()
        let facing = offset.x * direction.x + offset.y * direction.y + depth * direction.z
        return ambient + (1.13 - ambient) * max(facing, 0)
    }
}
