/// A creature as layers of tubes, the rearmost first, with the places of its keypoints.
struct Figure {
    struct Layer {
        enum Material {
            case coat, mane, horn
        }

        var tubes: [Tube]
        var part: Part
        var material = Material.coat
        /// How bright: what is on the far side lies in the shade.
        var light = 1.0
        /// How far from its root the layer grows out of what lies behind it.
        var root = 0.0
        /// How much of its end is a hoof.
        var hoof = 0.0
        /// How softly tubes run into each other.
        var blend = 0.0
    }

    struct Landmark {
        var place: Vector
        /// The layer that it lies on.
        var layer: Int
    }

    /// Painted on the head, and no part of their own.
    struct Face {
        var eye: Vector
        var eyeRadius: Double
        var nose: Vector
        var noseRadius: Double
        /// Layer after which it is painted.
        var layer: Int
    }

    var layers: [Layer]
    var landmarks: [Keypoint: Landmark]
    var face: Face
    /// Where feet touch the ground, from back to front.
    var feet: [Vector]

    /// The rectangle around all of it.
    var bounds: (low: Vector, high: Vector) {
        var result = layers[0].tubes[0].bounds
        for tube in layers.flatMap(\.tubes) {
            let bounds = tube.bounds
            result = (
                pointwiseMin(result.low, bounds.low), pointwiseMax(result.high, bounds.high)
            )
        }
        return result
    }

    /// What it covers, by as many places of the rectangle around it as are within a tube.
    var area: Double {
        let side = 32
        let (low, high) = bounds
        let cell = (high - low) / Double(side)
        let tubes = layers.flatMap(\.tubes)
        let covered = (0..<side * side).count { at in
            let (row, column) = at.quotientAndRemainder(dividingBy: side)
            let place = low + cell * Vector(Double(column) + 0.5, Double(row) + 0.5)
            return tubes.contains { $0.position(of: place).distance < 0 }
        }
        return Double(covered) * cell.x * cell.y
    }

    func moved(scale: Double, least: Double = 0, _ move: (Vector) -> Vector) -> Figure {
        var result = self
        result.layers = layers.map { layer in
            var layer = layer
            layer.tubes = layer.tubes.map { $0.moved(scale: scale, least: least, move) }
            layer.root *= scale
            layer.hoof *= scale
            layer.blend *= scale
            return layer
        }
        result.landmarks = landmarks.mapValues {
            Landmark(place: move($0.place), layer: $0.layer)
        }
        result.face.eye = move(face.eye)
        result.face.nose = move(face.nose)
        result.face.eyeRadius *= scale
        result.face.noseRadius *= scale
        result.feet = feet.map(move)
        return result
    }
}
