import Platform

/// A curve with a varying radius: the shape of every limb.
struct Tube {
    /// The vertices of the polyline that approximates the curve, at least two.
    private(set) var points: [Vector]
    private(set) var radii: [Double]

    struct Joint {
        var place: Vector
        var radius: Double

        init(_ place: Vector, _ radius: Double) {
            self.place = place
            self.radius = radius
        }
    }

    /// A smooth curve through joints (Catmull and Rom 1974), approximated by `steps` straight pieces between
    /// consecutive joints.
    init(through joints: [Joint], steps: Int = 4) {
        require(joints.count >= 2, "Tube: \(joints.count) joints")
        points = []
        radii = []
        for index in 0..<joints.count - 1 {
            let from = joints[index]
            let to = joints[index + 1]
            let before = index > 0 ? joints[index - 1] : from
            let after = index + 2 < joints.count ? joints[index + 2] : to
            for step in 0..<steps {
                let t = Double(step) / Double(steps)
                let weights = Tube.weights(t)
                points.append(
                    before.place * weights.0 + from.place * weights.1 + to.place * weights.2
                        + after.place * weights.3)
                radii.append(
                    before.radius * weights.0 + from.radius * weights.1 + to.radius * weights.2
                        + after.radius * weights.3)
            }
        }
        points.append(joints[joints.count - 1].place)
        radii.append(joints[joints.count - 1].radius)
        radii = radii.map { max($0, 0) }
    }

    private static func weights(_ t: Double) -> (Double, Double, Double, Double) {
        let (t2, t3) = (t * t, t * t * t)
        return (
            (-t3 + 2 * t2 - t) / 2, (3 * t3 - 5 * t2 + 2) / 2, (-3 * t3 + 4 * t2 + t) / 2,
            (t3 - t2) / 2
        )
    }

    /// The tube with its points mapped by `move`, and radii multiplied by `scale` but at least `least`.
    func moved(scale: Double, least: Double = 0, _ move: (Vector) -> Vector) -> Tube {
        var result = self
        result.points = points.map(move)
        result.radii = radii.map { max($0 * scale, least) }
        return result
    }

    /// The bounding rectangle.
    var bounds: (low: Vector, high: Vector) {
        var low = points[0]
        var high = points[0]
        for (point, radius) in zip(points, radii) {
            low = pointwiseMin(low, point - Vector(repeating: radius))
            high = pointwiseMax(high, point + Vector(repeating: radius))
        }
        return (low, high)
    }

    /// A place relative to the tube.
    struct Position {
        /// Signed distance to the surface, negative inside.
        var distance: Double
        /// Offset from the nearest point of the curve, in radii at that point.
        var offset: Vector
        /// Distance of the nearest point along the curve from its start.
        var arc: Double
        /// The curve's unit direction at the nearest point.
        var along: Vector
    }

    /// A place's position relative to the tube.
    func position(of place: Vector) -> Position {
        points.withUnsafeBufferPointer { points in
            radii.withUnsafeBufferPointer { radii in
                var best = Position(distance: .infinity, offset: .zero, arc: 0, along: Vector(1, 0))
                var arc = 0.0
                for index in 0..<points.count - 1 {
                    let from = points[index]
                    let along = points[index + 1] - from
                    let square = max(along.dot(along), 1e-18)
                    let part = min(max((place - from).dot(along) / square, 0), 1)
                    let radius = radii[index] + part * (radii[index + 1] - radii[index])
                    let offset = place - from - along * part
                    let distance = offset.length - radius
                    let length = square.squareRoot()
                    if distance < best.distance {
                        best = Position(
                            distance: distance, offset: offset / max(radius, 1e-9),
                            arc: arc + part * length, along: along / length)
                    }
                    arc += length
                }
                return best
            }
        }
    }
}

extension [Tube] {
    /// The bounding rectangle of all tubes, of which there is at least one.
    var bounds: (low: Vector, high: Vector) {
        dropFirst().reduce(self[0].bounds) { result, tube in
            let bounds = tube.bounds
            return (
                low: pointwiseMin(result.low, bounds.low),
                high: pointwiseMax(result.high, bounds.high)
            )
        }
    }
}
