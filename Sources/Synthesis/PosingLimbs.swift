import Tensors

// Legs, arms and the tail.
extension Posing {
    mutating func drawLegs(trunk: Trunk, far: Bool) {
        // Near and far legs are half a turn apart in phase, front and hind legs about a quarter.
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

    mutating func add(
        _ leg: Build.Leg, at hip: Vector, ground: Double, phase: Double, light: Double,
        names: ArraySlice<Keypoint>
    ) {
        let turn = Vector(degrees: phase * 360)
        let reach = (leg.thigh + leg.shank + leg.foot) * legs
        let pitch = generator.draw(leg.pitch)
        // A foot that moves ahead is lifted.
        let lift = max(0, turn.y) * walk.width * leg.stride * reach * 0.3
        // The ankle is below the hip, moved ahead or back by the step.
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

    mutating func append(
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

    /// The knee between a hip and an ankle; the ankle is moved closer if the bones do not reach it.
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

    mutating func drawTail(trunk: Trunk) -> Tube {
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
            // A tail that reaches the ground lies on it.
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

    /// Places the landmark of the tail's base where the tail emerges from behind the body.
    mutating func place(tail: Tube, behind body: Int) {
        let torso = layers[body].tubes[0]
        let base = tail.points.indices.first {
            torso.position(of: tail.points[$0]).distance > 0.012
        }
        landmarks[.tailBase] = Figure.Landmark(
            place: tail.points[base ?? tail.points.count - 1],
            layer: landmarks[.tailTip]?.layer ?? body)
    }
}
