/// The anatomy of a kind of creature. The unit of length is the trunk, from hip to shoulder; angles are in
/// degrees, from pointing ahead towards pointing up.
struct Build: Sendable {
    /// A leg: three bones, and toes flat on the ground.
    struct Leg: Sendable {
        var thigh: Double
        var shank: Double
        var foot: Double
        var toes: Double
        /// Radii at hip, knee, ankle and toes.
        var radii: [Double]
        /// The slope of the foot.
        var pitch: ClosedRange<Double>
        /// The distance of hip and ankle as a fraction of thigh plus shank.
        var extent: ClosedRange<Double>
        /// Whether the knee bends ahead (hind legs) or back (elbows).
        var kneeAhead: Bool
        /// The maximum reach of a step ahead and back, as a fraction of the leg.
        var stride = 0.22
        /// The length of the hoof.
        var hoof = 0.0
    }

    /// The front limbs.
    enum Front: Sendable {
        /// Legs like the hind legs.
        case legs(Leg)
        /// Arms that do not reach the ground: lengths of upper arm and forearm, and the radius.
        case arms(upper: Double, fore: Double, radius: Double)
        /// A wing on the body's side, with its length.
        case wings(Double)
    }

    struct Ears: Sendable {
        var length: Double
        var width: Double
        /// The ear's direction, relative to the snout's.
        var angle: ClosedRange<Double>
        /// The downward bend from root to tip.
        var droop: ClosedRange<Double> = -5...20
        /// The root's direction from the centre of the skull, relative to the snout's.
        var root = 115.0
    }

    struct Tail: Sendable {
        var length: Double
        /// Direction at the root.
        var angle: ClosedRange<Double>
        /// The upward bend from root to tip.
        var curl: ClosedRange<Double>
        /// Radii from root to tip.
        var radii: [Double]
    }

    /// Radii at rump, middle and chest.
    var trunk: [Double]
    var hump = 0.0
    /// The trunk's angle for creatures without front legs.
    var slope: ClosedRange<Double> = 0...0
    /// The position of the hind legs, from the hip (0) to the shoulder (1).
    var hindAt = 0.0
    var neck: Double
    var neckRadii: (Double, Double)
    var neckAngle: ClosedRange<Double>
    /// The upward bend along the neck.
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
