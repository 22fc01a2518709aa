import Foundation
import Tensors

/// Assembles a creature from its build in a random pose: facing right, on the ground at y = 0, with a trunk
/// of length 1.
struct Posing<Generator: RandomNumberGenerator> {
    let build: Build
    let setting: Setting
    var generator: Generator
    /// Factor of the kind's mean girth.
    let girth: Double
    /// Factor of the kind's mean length of legs.
    let legs: Double
    /// Factor of the kind's mean size of the head.
    let head: Double
    /// The phase of the walk in turns, and the width of its steps, 0...1.
    let walk: (phase: Double, width: Double)

    var layers: [Figure.Layer] = []
    var landmarks: [Keypoint: Figure.Landmark] = [:]
    var feet: [Vector] = []

    static func figure(of kind: Kind, in setting: Setting, using generator: Generator) -> Figure {
        var posing = Posing(kind, setting, generator)
        return posing.figure()
    }

    private init(_ kind: Kind, _ setting: Setting, _ generator: Generator) {
        build = kind.build
        self.setting = setting
        self.generator = generator
        girth = self.generator.draw(0.88...1.12)
        legs = self.generator.draw(0.9...1.1)
        head = self.generator.draw(0.92...1.12)
        walk = (self.generator.nextUniform(), self.generator.draw(0.15...1))
    }

    private mutating func figure() -> Figure {
        let trunk = drawTrunk()
        let chest = build.trunk[2] * girth
        // The neck starts at the shoulder.
        let neckBase = trunk.shoulder + trunk.along * 0.04 + trunk.along.left * chest * 0.3
        let lowered = setting == .wild ? 0 : loweredNeck(at: -neckBase.y)
        let neck = drawNeck(from: neckBase, trunk: trunk, lowered: lowered)
        let skull = neck.points[neck.points.count - 1]
        // The head follows the neck by half.
        let pitch = generator.draw(build.pitch) - lowered / 2

        let ear = drawEar(skull: skull, pitch: pitch)
        let farEar = ear.map {
            Tube.Joint($0.place + Vector(degrees: pitch) * build.skull * 0.28, $0.radius)
        }
        layers.append(Figure.Layer(tubes: [Tube(through: farEar)], part: .ears, light: 0.72))

        drawLegs(trunk: trunk, far: true)
        let tail = drawTail(trunk: trunk)
        let body = drawBody(trunk: trunk, neck: neck)
        landmarks[.neckBase] = Figure.Landmark(place: neckBase, layer: body)
        place(tail: tail, behind: body)
        if build.mane > 0 { drawMane(along: neck) }
        drawLegs(trunk: trunk, far: false)
        let face = drawHead(skull: skull, pitch: pitch)
        layers.append(
            Figure.Layer(tubes: [Tube(through: ear)], part: .ears, root: build.skull * 0.5))
        landmarks[.earTip] = Figure.Landmark(
            place: ear[ear.count - 1].place, layer: layers.count - 1)
        return Figure(layers: layers, landmarks: landmarks, face: face, feet: feet)
    }

    struct Trunk {
        var hip: Vector
        var shoulder: Vector
        /// The unit vector from hip to shoulder.
        var along: Vector
    }

    mutating func drawTrunk() -> Trunk {
        let hip = Vector(0, -height(of: build.hind))
        let shoulder: Vector
        if case .legs(let leg) = build.front {
            let rise = -hip.y - height(of: leg)
            shoulder = Vector((1 - min(rise * rise, 0.75)).squareRoot(), hip.y + rise)
        } else {
            shoulder = hip + Vector(degrees: generator.draw(build.slope))
        }
        return Trunk(
            hip: hip, shoulder: shoulder, along: (shoulder - hip) / (shoulder - hip).length)
    }

    /// The height of a leg's upper end above the ground.
    mutating func height(of leg: Build.Leg) -> Double {
        let pitch = (leg.pitch.lowerBound + leg.pitch.upperBound) / 2
        let reach = (leg.thigh + leg.shank) * generator.draw(leg.extent)
        return (reach - Vector(degrees: pitch).y * leg.foot) * legs + leg.radii[3]
    }

    /// Draws by how many degrees a creature in the studio lowers its neck, as if to graze, or raises it.
    private mutating func loweredNeck(at height: Double) -> Double {
        let wanted = generator.draw(-15...75)
        // The head stays above the ground. (The proboscis bends.)
        let reach = (build.skull * 1.3 + build.snout * 0.6) * head + build.proboscis * 0.3
        let angle = (build.neckAngle.lowerBound + build.neckAngle.upperBound) / 2
        let lowest = asin(min(max((reach - height) / build.neck, -1), 1)) * 180 / .pi
        return min(wanted, max(angle - lowest, 0))
    }

    mutating func drawNeck(from base: Vector, trunk: Trunk, lowered: Double) -> Tube {
        let length = build.neck * generator.draw(0.92...1.08)
        let angle = generator.draw(build.neckAngle) - lowered
        let start = trunk.shoulder - trunk.along * 0.06
        let middle = base + Vector(degrees: angle - build.neckCurve / 3) * length * 0.5
        let end = middle + Vector(degrees: angle + build.neckCurve * 2 / 3) * length * 0.5
        let radii = (build.neckRadii.0 * girth, build.neckRadii.1 * (girth + head) / 2)
        return Tube(
            through: [
                Tube.Joint(start, radii.0 * 1.08), Tube.Joint(base, radii.0),
                Tube.Joint(middle, radii.0 * 0.4 + radii.1 * 0.6), Tube.Joint(end, radii.1),
            ])
    }

    mutating func drawBody(trunk: Trunk, neck: Tube) -> Int {
        let radii = build.trunk.map { $0 * girth }
        let down = -trunk.along.left
        let middle = (trunk.hip + trunk.shoulder) / 2
        var tubes = [
            Tube(
                through: [
                    Tube.Joint(trunk.hip - trunk.along * radii[0] * 0.3, radii[0] * 0.86),
                    Tube.Joint(trunk.hip + trunk.along * 0.12, radii[0]),
                    Tube.Joint(middle + down * 0.02, radii[1]),
                    Tube.Joint(trunk.shoulder - trunk.along * 0.1, radii[2]),
                    Tube.Joint(trunk.shoulder + trunk.along * radii[2] * 0.25, radii[2] * 0.85),
                ], steps: 5),
            neck,
        ]
        if build.hump > 0 {
            let foot = middle - trunk.along * 0.04 - down * radii[1] * 0.45
            tubes.append(
                Tube(
                    through: [
                        Tube.Joint(foot - trunk.along * 0.12, 0.2),
                        Tube.Joint(foot - down * build.hump, 0.13),
                        Tube.Joint(foot + trunk.along * 0.12, 0.2),
                    ]))
        }
        layers.append(Figure.Layer(tubes: tubes, part: .body, blend: 0.09))
        let body = layers.count - 1
        landmarks[.back] = Figure.Landmark(place: middle - down * radii[1] * 0.78, layer: body)
        landmarks[.belly] = Figure.Landmark(place: middle + down * radii[1] * 0.72, layer: body)
        if case .wings(let length) = build.front {
            let root = trunk.shoulder - trunk.along * 0.08 + down * radii[2] * 0.15
            let lift = generator.draw(-12...8)
            let back = Vector(degrees: trunk.along.degrees + 180 + lift)
            layers.append(
                Figure.Layer(
                    tubes: [
                        Tube(
                            through: [
                                Tube.Joint(root, 0.1), Tube.Joint(root + back * length * 0.3, 0.17),
                                Tube.Joint(root + back * length * 0.7, 0.11),
                                Tube.Joint(root + back * length * 1.05, 0.02),
                            ])
                    ], part: .body, material: .mane, root: 0.12))
        }
        return body
    }

    mutating func drawMane(along neck: Tube) {
        let indices = Array(stride(from: 4, to: neck.points.count, by: 2))
        let joints = indices.enumerated().map { place, index in
            let along = neck.points[index] - neck.points[index - 1]
            let outside = along.left / max(along.length, 1e-9)
            // Lowest at the withers.
            let part = Double(place) / Double(indices.count - 1)
            let height = build.mane * (0.35 + 0.65 * smoothStep(0, 0.5, part))
            return Tube.Joint(neck.points[index] + outside * neck.radii[index] * 0.9, height)
        }
        layers.append(
            Figure.Layer(tubes: [Tube(through: joints)], part: .body, material: .mane))
    }
}
