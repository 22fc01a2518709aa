/// A creature as layers of tubes, the rearmost first, with its keypoints.
struct Figure {
    struct Layer {
        enum Material {
            case coat, mane, horn
        }

        var tubes: [Tube]
        var part: Part
        var material = Material.coat
        /// Brightness; limbs on the far side are darker.
        var light = 1.0
        /// The length over which the layer fades in from the layers behind it.
        var root = 0.0
        /// The length of the hoof at the layer's end.
        var hoof = 0.0
        /// The radius of smooth transitions between tubes.
        var blend = 0.0
    }

    struct Landmark {
        var place: Vector
        /// The layer that it lies on.
        var layer: Int
    }

    /// Eye and nose, which are painted on the head and are not parts of the mask.
    struct Face {
        var eye: Vector
        var eyeRadius: Double
        var nose: Vector
        var noseRadius: Double
        /// The layer after which the face is painted.
        var layer: Int
    }

    var layers: [Layer]
    var landmarks: [Keypoint: Landmark]
    var face: Face
    /// The places where feet touch the ground, from back to front.
    var feet: [Vector]

    /// The bounding rectangle of all layers.
    var bounds: (low: Vector, high: Vector) { layers.flatMap(\.tubes).bounds }

    /// The approximate area, by sampling the bounding rectangle.
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

    /// The figure with its places mapped by `move`, and lengths multiplied by `scale`; radii of tubes are at
    /// least `least`.
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
