import Tensors

/// Puts a creature together from its build, in a pose drawn by lot: looking right, on the ground
/// at y = 0, the trunk 1 long.
struct Posing<Generator: RandomNumberGenerator> {
    private let build: Build
    private var generator: Generator
    /// How this creature differs from its kind's mean.
    private let girth: Double
    private let legs: Double
    private let head: Double
    /// How far a walk has come, in turns, and how wide its steps are, 0 to 1.
    private let walk: (phase: Double, width: Double)

    private var layers: [Figure.Layer] = []
    private var landmarks: [Keypoint: Figure.Landmark] = [:]
    private var feet: [Vector] = []

    static func figure(of kind: Kind, using generator: Generator) -> Figure {
        var posing = Posing(kind, generator)
        return posing.figure()
    }

    private init(_ kind: Kind, _ generator: Generator) {
        build = kind.build
        self.generator = generator
        girth = self.generator.draw(0.88...1.12)
        legs = self.generator.draw(0.9...1.1)
        head = self.generator.draw(0.92...1.12)
        walk = (self.generator.nextUniform(), self.generator.draw(0.15...1))
    }

    private mutating func figure() -> Figure {
        let trunk = drawTrunk()
        let chest = build.trunk[2] * girth
        // The neck, from the shoulder on.
        let neckBase = trunk.shoulder + trunk.along * 0.04 + trunk.along.left * chest * 0.3
        let neck = drawNeck(from: neckBase, trunk: trunk)
        let skull = neck.points[neck.points.count - 1]
        let pitch = generator.draw(build.pitch)

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

    // MARK: Trunk and neck

    private struct Trunk {
        var hip: Vector
        var shoulder: Vector
        /// From hip to shoulder, of length 1.
        var along: Vector
    }

    private mutating func drawTrunk() -> Trunk {
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

    /// How high above the ground a leg's upper end is.
    private mutating func height(of leg: Build.Leg) -> Double {
        let pitch = (leg.pitch.lowerBound + leg.pitch.upperBound) / 2
        let reach = (leg.thigh + leg.shank) * generator.draw(leg.extent)
        return (reach - Vector(degrees: pitch).y * leg.foot) * legs + leg.radii[3]
    }

    private mutating func drawNeck(from base: Vector, trunk: Trunk) -> Tube {
        let length = build.neck * generator.draw(0.92...1.08)
        let angle = generator.draw(build.neckAngle)
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

    private mutating func drawBody(trunk: Trunk, neck: Tube) -> Int {
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
        landmarks[.back] = Figure.Landmark(place: middle - down * radii[1] * 0.62, layer: body)
        landmarks[.belly] = Figure.Landmark(place: middle + down * radii[1] * 0.72, layer: body)
        if case .wings(let length) = build.front {
            let root = trunk.shoulder - trunk.along * 0.08 - down * radii[2] * 0.15
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

    private mutating func drawMane(along neck: Tube) {
        let joints = stride(from: 5, to: neck.points.count, by: 2).map { index in
            let along = neck.points[index] - neck.points[index - 1]
            let outside = along.left / max(along.length, 1e-9)
            return Tube.Joint(
                neck.points[index] + outside * neck.radii[index] * 0.88,
                build.mane * (index == neck.points.count - 1 ? 0.8 : 1))
        }
        layers.append(
            Figure.Layer(tubes: [Tube(through: joints)], part: .body, material: .mane))
    }

    // MARK: Legs

    private mutating func drawLegs(trunk: Trunk, far: Bool) {
        // A walk's phase: near and far legs are half a turn apart, front and back legs a quarter.
        let phase = walk.phase + (far ? 0.5 : 0)
        let light = far ? 0.7 : 1
        let shift = far ? Vector(0.06, -0.035) : .zero
        let names: [Keypoint] =
            far
            ? [.farBackKnee, .farBackFoot, .farFrontKnee, .farFrontFoot]
            : [.nearBackKnee, .nearBackFoot, .nearFrontKnee, .nearFrontFoot]
        let hip =
            trunk.hip + trunk.along * build.hindAt - trunk.along.left * build.trunk[0] * girth * 0.1
        add(
            build.hind, at: hip + shift, ground: shift.y, phase: phase, light: light,
            names: names[0...1])
        switch build.front {
        case .legs(let leg):
            let shoulder = trunk.shoulder - trunk.along * 0.04
            add(
                leg, at: shoulder + shift, ground: shift.y, phase: phase + 0.3, light: light,
                names: names[2...3])
        case .arms(let upper, let fore, let radius):
            let shoulder =
                trunk.shoulder - trunk.along * 0.08 - trunk.along.left * build.trunk[2] * 0.35
            let elbow = shoulder + shift + Vector(degrees: generator.draw(-100 ... -70)) * upper
            let hand = elbow + Vector(degrees: generator.draw(-48...15)) * fore
            append(
                [
                    Tube.Joint(shoulder + shift, radius), Tube.Joint(elbow, radius * 0.72),
                    Tube.Joint(hand, radius * 0.55),
                ], light: light, hoof: 0, names: names[2...3], knee: elbow)
        case .wings:
            break
        }
    }

    private mutating func add(
        _ leg: Build.Leg, at hip: Vector, ground: Double, phase: Double, light: Double,
        names: ArraySlice<Keypoint>
    ) {
        let turn = Vector(degrees: phase * 360)
        let reach = (leg.thigh + leg.shank + leg.foot) * legs
        let pitch = generator.draw(leg.pitch)
        // A foot that comes ahead is lifted.
        let lift = max(0, turn.y) * walk.width * leg.stride * reach * 0.3
        // The ankle stands under the hip, ahead or behind by the step.
        let ankleAhead = turn.x * walk.width * leg.stride * reach * 0.8
        let bones = (leg.thigh * legs, leg.shank * legs)
        let foot = Vector(degrees: 180 - pitch) * leg.foot * legs
        let balance = leg.kneeAhead ? -0.12 * (bones.0 + bones.1) : 0.02
        let ankle = Vector(
            hip.x + ankleAhead + balance, ground - lift - leg.radii[3] + foot.y)
        let knee = Posing.knee(hip, ankle, bones, ahead: leg.kneeAhead)
        let toe = ankle - foot
        let tip = toe + Vector(leg.toes, 0)
        append(
            [
                Tube.Joint(hip, leg.radii[0] * (girth + 1) / 2),
                Tube.Joint(knee.knee, leg.radii[1]),
                Tube.Joint(knee.ankle, leg.radii[2]),
                Tube.Joint(knee.ankle - foot, leg.radii[3]),
                Tube.Joint(tip + (knee.ankle - ankle), leg.radii[3] * 0.9),
            ], light: light, hoof: leg.hoof, names: names, knee: knee.knee)
        feet.append(Vector(toe.x, ground))
    }

    private mutating func append(
        _ joints: [Tube.Joint], light: Double, hoof: Double, names: ArraySlice<Keypoint>,
        knee: Vector
    ) {
        layers.append(
            Figure.Layer(
                tubes: [Tube(through: joints)], part: .legs, light: light,
                root: (joints[1].place - joints[0].place).length, hoof: hoof))
        landmarks[names[names.startIndex]] = Figure.Landmark(place: knee, layer: layers.count - 1)
        let foot = joints[joints.count - (joints.count > 3 ? 2 : 1)].place
        landmarks[names[names.startIndex + 1]] = Figure.Landmark(
            place: foot, layer: layers.count - 1)
    }

    /// Where the knee is between a hip and an ankle, which comes nearer where the bones do not
    /// reach it.
    private static func knee(
        _ hip: Vector, _ ankle: Vector, _ bones: (Double, Double), ahead: Bool
    ) -> (knee: Vector, ankle: Vector) {
        let wanted = ankle - hip
        let distance = min(
            max(wanted.length, abs(bones.0 - bones.1) + 0.01), (bones.0 + bones.1) * 0.998)
        let along = wanted / max(wanted.length, 1e-9)
        let part = (distance * distance + bones.0 * bones.0 - bones.1 * bones.1) / (2 * distance)
        let aside = max(bones.0 * bones.0 - part * part, 0).squareRoot()
        return (
            hip + along * part + along.left * (ahead ? aside : -aside), hip + along * distance
        )
    }

    // MARK: Tail

    private mutating func drawTail(trunk: Trunk) -> Tube {
        let tail = build.tail
        let rump = build.trunk[0] * girth
        var place = trunk.hip - trunk.along * rump * 0.75 + trunk.along.left * rump * 0.35
        var angle = generator.draw(tail.angle) + trunk.along.degrees * 0.5
        let pieces = max(6, tail.radii.count - 1)
        let bend = generator.draw(tail.curl) / Double(pieces)
        let length = tail.length * generator.draw(0.88...1.12) / Double(pieces)
        var joints: [Tube.Joint] = []
        for index in 0...pieces {
            let at = Double(index) / Double(pieces) * Double(tail.radii.count - 1)
            let low = min(Int(at), tail.radii.count - 2)
            let radius =
                tail.radii[low] + (at - Double(low)) * (tail.radii[low + 1] - tail.radii[low])
            // A tail that comes down to the ground lies on it.
            joints.append(Tube.Joint(Vector(place.x, min(place.y, -radius)), radius))
            place += Vector(degrees: angle) * length
            angle += bend
        }
        let tube = Tube(through: joints, steps: 3)
        layers.append(Figure.Layer(tubes: [tube], part: .tail, light: 0.9))
        landmarks[.tailTip] = Figure.Landmark(
            place: joints[pieces].place, layer: layers.count - 1)
        return tube
    }

    /// The tail's base is where it comes out from behind the body.
    private mutating func place(tail: Tube, behind body: Int) {
        let torso = layers[body].tubes[0]
        let base = tail.points.indices.first {
            torso.position(of: tail.points[$0]).distance > 0.012
        }
        landmarks[.tailBase] = Figure.Landmark(
            place: tail.points[base ?? tail.points.count - 1],
            layer: landmarks[.tailTip]?.layer ?? body)
    }

    // MARK: Head

    private mutating func drawHead(skull place: Vector, pitch: Double) -> Figure.Face {
        let ahead = Vector(degrees: pitch)
        let skull = build.skull * head
        let snout = build.snout * head
        let snoutRadius = build.snoutRadius * head
        let end = place + ahead * (skull * 0.4 + snout) - ahead.left * skull * 0.14
        var nose = end + ahead * snoutRadius * 0.62 + ahead.left * snoutRadius * 0.25
        if build.horns > 0 {
            let foot = place + ahead.left * skull * 0.7
            let tip = foot + Vector(degrees: pitch + 105) * build.horns
            layers.append(
                Figure.Layer(
                    tubes: [
                        Tube(through: [Tube.Joint(foot, 0.03), Tube.Joint(tip, 0.034)])
                    ], part: .head, material: .mane))
        }
        if build.beak > 0 {
            let root = end - ahead * snoutRadius * 0.3
            let tip = root + ahead * build.beak * generator.draw(0.85...1.15)
            layers.append(
                Figure.Layer(
                    tubes: [
                        Tube(through: [
                            Tube.Joint(root, snoutRadius * 0.75), Tube.Joint(tip, 0.008),
                        ])
                    ], part: .head, material: .horn))
            nose = tip - ahead * 0.03
        }
        var tubes = [
            Tube(
                through: [
                    Tube.Joint(place - ahead * skull * 0.25, skull * 0.92),
                    Tube.Joint(place + ahead * skull * 0.15, skull),
                    Tube.Joint(
                        (place + end) / 2 + ahead * skull * 0.3, (skull + snoutRadius) * 0.46),
                    Tube.Joint(end, snoutRadius),
                ])
        ]
        if build.proboscis > 0 {
            let trunk = drawProboscis(from: end, pitch: pitch, radius: snoutRadius)
            tubes.append(trunk)
            nose = trunk.points[trunk.points.count - 1]
        }
        layers.append(
            Figure.Layer(
                tubes: tubes, part: .head, root: skull * 0.6,
                blend: build.proboscis > 0 ? 0.05 : 0))
        let layer = layers.count - 1
        let eye = place + ahead * skull * 0.42 + ahead.left * skull * 0.36
        landmarks[.eye] = Figure.Landmark(place: eye, layer: layer)
        landmarks[.nose] = Figure.Landmark(place: nose, layer: build.beak > 0 ? layer - 1 : layer)
        return Figure.Face(
            eye: eye, eyeRadius: max(skull * 0.17, 0.026), nose: nose,
            noseRadius: build.beak > 0 || build.proboscis > 0 ? 0 : snoutRadius * 0.5, layer: layer)
    }

    private mutating func drawProboscis(from end: Vector, pitch: Double, radius: Double) -> Tube {
        let pieces = 6
        let length = build.proboscis * generator.draw(0.9...1.1) / Double(pieces)
        var angle = pitch - generator.draw(15...35)
        let bend = generator.draw(-8...26)
        var place = end - Vector(degrees: pitch) * radius * 0.4
        var joints: [Tube.Joint] = []
        for index in 0...pieces {
            let part = Double(index) / Double(pieces)
            joints.append(
                Tube.Joint(Vector(place.x, min(place.y, -0.05)), radius * (0.95 - 0.62 * part)))
            place += Vector(degrees: angle) * length
            angle = max(angle, -96) + bend * (part > 0.4 ? 1 : 0)
        }
        return Tube(through: joints, steps: 3)
    }

    private mutating func drawEar(skull place: Vector, pitch: Double) -> [Tube.Joint] {
        let ears = build.ears
        let length = ears.length * head * generator.draw(0.88...1.12)
        let width = ears.width * head
        let droop = generator.draw(ears.droop)
        var angle = pitch + generator.draw(ears.angle)
        var at = place + Vector(degrees: pitch + ears.root) * build.skull * head * 0.72
        var joints: [Tube.Joint] = []
        for (index, breadth) in [0.55, 1, 0.92, 0.3].enumerated() {
            if index > 0 {
                at += Vector(degrees: angle) * length / 3
                angle += droop / 2
            }
            joints.append(Tube.Joint(at, width * breadth))
        }
        return joints
    }
}
