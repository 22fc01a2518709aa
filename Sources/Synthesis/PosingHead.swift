import Tensors

// The head with horns, beak, proboscis and ears.
extension Posing {
    mutating func drawHead(skull place: Vector, pitch: Double) -> Figure.Face {
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

    mutating func drawProboscis(from end: Vector, pitch: Double, radius: Double) -> Tube {
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

    mutating func drawEar(skull place: Vector, pitch: Double) -> [Tube.Joint] {
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
