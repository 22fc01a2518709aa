/// How a kind of creature is built. Lengths are in lengths of the trunk, from hip to shoulder;
/// angles in degrees, from pointing ahead towards pointing up.
struct Build: Sendable {
    /// A leg: three bones, and toes that lie on the ground.
    struct Leg: Sendable {
        var thigh: Double
        var shank: Double
        var foot: Double
        var toes: Double
        /// At hip, knee, ankle and toes.
        var radii: [Double]
        /// How steep the foot stands.
        var pitch: ClosedRange<Double>
        /// How far hip and ankle are apart, in lengths of thigh and shank.
        var extent: ClosedRange<Double>
        /// Whether the knee bends ahead, as a hind leg's, or back, as an elbow.
        var kneeAhead: Bool
        /// The most that a step reaches ahead and back, in lengths of the leg.
        var stride = 0.22
        /// How much of the leg's end is a hoof, in lengths of the trunk.
        var hoof = 0.0
    }

    /// What is where a quadruped has front legs.
    enum Front: Sendable {
        case legs(Leg)
        /// Arms that do not reach the ground: upper arm, forearm, radius.
        case arms(upper: Double, fore: Double, radius: Double)
        /// A wing on the body's side, its length.
        case wings(Double)
    }

    struct Ears: Sendable {
        var length: Double
        var width: Double
        /// From the snout's direction.
        var angle: ClosedRange<Double>
        /// How much the ear bends down between its root and its tip.
        var droop: ClosedRange<Double> = -5...20
        /// Where the root sits on the skull, from the snout's direction.
        var root = 115.0
    }

    struct Tail: Sendable {
        var length: Double
        /// At the root.
        var angle: ClosedRange<Double>
        /// How much the tail bends up along its length.
        var curl: ClosedRange<Double>
        /// From root to tip.
        var radii: [Double]
    }

    /// At rump, middle and chest.
    var trunk: [Double]
    var hump = 0.0
    /// How much higher the shoulder is than the hip, where no front legs decide it.
    var slope: ClosedRange<Double> = 0...0
    /// Where hind legs stand, from the hip (0) to the shoulder (1).
    var hindAt = 0.0
    var neck: Double
    var neckRadii: (Double, Double)
    var neckAngle: ClosedRange<Double>
    /// How much the neck curves up along its length.
    var neckCurve = 12.0
    var mane = 0.0
    var skull: Double
    var snout: Double
    var snoutRadius: Double
    /// The snout's direction.
    var pitch: ClosedRange<Double>
    var proboscis = 0.0
    var beak = 0.0
    var horns = 0.0
    var hind: Leg
    var front: Front
    var ears: Ears
    var tail: Tail
}
