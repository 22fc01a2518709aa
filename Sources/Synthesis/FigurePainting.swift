/// Paints a creature, layer by layer, and records the part at each pixel.
struct FigurePainting {
    let figure: Figure
    let coat: Coat
    let palette: Palette
    let light: Light
    /// The length of the trunk as a fraction of the picture's side.
    let scale: Double
    /// Maps a place in the picture to one on the creature, in lengths of the trunk.
    let onCreature: (Vector) -> Vector

    /// Paints the creature.
    ///
    /// - Parameters:
    ///   - canvas: the picture.
    ///   - mask: the part of each pixel, overwritten where the creature is.
    func paint(on canvas: inout Canvas, mask: inout [UInt8]) {
        for index in figure.layers.indices {
            paint(index, on: &canvas, mask: &mask)
            if index == figure.face.layer { paintFace(on: &canvas) }
        }
    }

    private func paint(_ index: Int, on canvas: inout Canvas, mask: inout [UInt8]) {
        let layer = figure.layers[index]
        let pixel = canvas.pixel
        let size = Double(canvas.size)
        let (low, high) = layer.tubes.bounds
        let margin = Vector(repeating: layer.blend)
        let length = layer.hoof > 0 ? Self.length(of: layer.tubes[0]) : 0
        let behind = layer.root > 0 ? bodies(below: index) : []
        mask.withUnsafeMutableBufferPointer { mask in
            canvas.paint(from: low - margin, to: high + margin) { place, at, under in
                let surface = Self.surface(of: layer, at: place)
                let covered = coverage(at: surface.distance, size: size)
                guard covered > 0 else { return (.zero, 0) }
                var weight = covered
                if layer.root > 0 {
                    let grown = smoothStep(0.25, 0.95, surface.arc / layer.root)
                    if grown < 1 { weight *= 1 - (1 - grown) * cover(behind, place, size) }
                }
                if weight >= 0.5 { mask[at] = layer.part.rawValue }
                let underside = max(0, surface.offset.y)
                var tint: Tint
                switch layer.material {
                case .coat:
                    let across = surface.offset.dot(surface.along.left)
                    tint = coat.tint(
                        of: layer.part, at: onCreature(place), arc: surface.arc / scale,
                        across: across,
                        underside: underside, pixel: pixel / scale)
                    if layer.hoof > 0 {
                        let edge = length - layer.hoof
                        tint = tint.mixed(
                            with: palette.horn * 0.6,
                            smoothStep(edge - pixel, edge + pixel, surface.arc))
                    }
                case .mane: tint = palette.pattern * 0.9
                case .horn: tint = palette.horn
                }
                // A darker outline.
                let outline = max(min(0.02 * scale, 2 * pixel), 0.8 * pixel)
                let edge = smoothStep(-outline, 0, surface.distance)
                tint *= light.on(surface.offset) * layer.light * (1 - 0.38 * edge)
                return (tint, weight)
            }
        }
    }

    /// Whether the given layer is the foremost at a place.
    func shows(_ index: Int, at place: Vector, size: Int) -> Bool {
        for other in figure.layers.indices.reversed() {
            let layer = figure.layers[other]
            let surface = Self.surface(of: layer, at: place)
            var weight = coverage(at: surface.distance, size: Double(size))
            if layer.root > 0, weight > 0 {
                let grown = smoothStep(0.25, 0.95, surface.arc / layer.root)
                weight *= 1 - (1 - grown) * cover(bodies(below: other), place, Double(size))
            }
            if weight >= 0.5 { return other == index }
        }
        return false
    }

    private func bodies(below index: Int) -> [Figure.Layer] {
        figure.layers[..<index].filter { $0.part == .body || $0.part == .head }
    }

    private func cover(_ layers: [Figure.Layer], _ place: Vector, _ size: Double) -> Double {
        var most = 0.0
        for layer in layers {
            let distance = Self.surface(of: layer, at: place).distance
            most = max(most, coverage(at: distance, size: size))
        }
        return most
    }

    private static func length(of tube: Tube) -> Double {
        zip(tube.points, tube.points.dropFirst()).reduce(0) { $0 + ($1.1 - $1.0).length }
    }

    /// The surface of the layer's tubes at a place, with smooth transitions between tubes.
    @inline(__always)
    private static func surface(of layer: Figure.Layer, at place: Vector) -> Tube.Position {
        var surface = layer.tubes[0].position(of: place)
        for tube in layer.tubes.dropFirst() {
            let other = tube.position(of: place)
            // A smooth minimum, quadratic where the distances differ by less than `blend`.
            let mix = min(max(0.5 + (surface.distance - other.distance) / (2 * layer.blend), 0), 1)
            let near = mix > 0.5 ? other : surface
            let distance =
                surface.distance + mix * (other.distance - surface.distance)
                - layer.blend * mix * (1 - mix)
            let offset = surface.offset + mix * (other.offset - surface.offset)
            surface = near
            surface.distance = distance
            surface.offset = offset
        }
        return surface
    }

    private func paintFace(on canvas: inout Canvas) {
        let face = figure.face
        let least = canvas.pixel * 0.7
        func disc(_ centre: Vector, _ radius: Double, _ tint: Tint, _ strength: Double = 1) {
            let radius = max(radius, least)
            let reach = Vector(repeating: radius)
            let size = Double(canvas.size)
            canvas.paint(from: centre - reach, to: centre + reach) { place, _, _ in
                (tint, strength * coverage(at: (place - centre).length - radius, size: size))
            }
        }
        if face.noseRadius > 0 { disc(face.nose, face.noseRadius, Tint(0.1, 0.08, 0.09), 0.85) }
        disc(face.eye, face.eyeRadius * 1.22, Tint(0.95, 0.93, 0.88))
        disc(face.eye, face.eyeRadius, Tint(0.07, 0.06, 0.07))
        let glint = face.eye + Vector(0.3, -0.35) * face.eyeRadius
        if face.eyeRadius > 2 * least { disc(glint, face.eyeRadius * 0.3, Tint(1, 1, 1)) }
    }
}
