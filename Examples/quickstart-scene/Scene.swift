import Foundation
import Images
import Tensors

/// A made-up scene: shapes with patterns on a mottled ground. It is a function of the place, so
/// that it can be seen from anywhere. The units are such that the first view is 1 high.
struct Scene {
    private let shapes: [Shape]
    private let ground: Mottling

    /// A scene drawn by lot.
    init(shapes count: Int, using generator: inout some RandomNumberGenerator) {
        ground = Mottling(using: &generator)
        let colours = ColourMap.tab10.colours(count: count)
        shapes = colours.enumerated().map { index, colour in
            // Side by side in three rows, each a little off its place: few hide one another.
            let columns = (count + 2) / 3
            let x = (Double(index % columns) + .random(in: 0.3...0.7, using: &generator))
            let y = (Double(index / columns) + .random(in: 0.3...0.7, using: &generator))
            return Shape(
                x: x * 4 / 3 / Double(columns), y: y / 3,
                radius: .random(in: 0.09...0.16, using: &generator),
                angle: .random(in: 0...(2 * .pi), using: &generator),
                period: .random(in: 0.03...0.07, using: &generator), sides: 2 + index % 4,
                isChecked: index % 2 == 0, colour: colour)
        }
    }

    /// The colour at a place.
    func colour(x: Double, y: Double) -> (Double, Double, Double) {
        for shape in shapes {
            if let colour = shape.colour(x: x, y: y) { return colour }
        }
        return ground.colour(x: x, y: y)
    }
}

/// A disc (two sides or fewer) or a regular polygon, striped or checked.
private struct Shape {
    let x: Double
    let y: Double
    let radius: Double
    let angle: Double
    let period: Double
    let sides: Int
    let isChecked: Bool
    let colour: Colour

    func colour(x: Double, y: Double) -> (Double, Double, Double)? {
        let (dx, dy) = (x - self.x, y - self.y)
        let u = dx * cos(angle) + dy * sin(angle)
        let v = dy * cos(angle) - dx * sin(angle)
        var distance = (u * u + v * v).squareRoot()
        if sides > 2 {
            let sector = 2 * Double.pi / Double(sides)
            let offset = (atan2(v, u) / sector).rounded() * sector
            distance = (u * cos(offset) + v * sin(offset)) / cos(sector / 2)
        }
        guard distance < radius else { return nil }
        let stripe = Int((u / period).rounded(.down))
        let check = isChecked ? Int((v / period).rounded(.down)) : 0
        let isLight = (stripe + check) % 2 == 0
        // Lighter towards one side, as if round.
        let light = (isLight ? 1 : 0.45) + 0.25 * (u + v) / radius
        return (
            Double(colour.red) * light, Double(colour.green) * light, Double(colour.blue) * light
        )
    }
}

/// Gray-green waves of several lengths and directions.
private struct Mottling {
    private let waves: [(x: Double, y: Double, phase: Double)]

    init(using generator: inout some RandomNumberGenerator) {
        waves = (1...12).map { wave in
            let angle = Double.random(in: 0...(2 * .pi), using: &generator)
            let frequency = 4 * Double(wave)
            return (
                frequency * cos(angle), frequency * sin(angle),
                Double.random(in: 0...(2 * .pi), using: &generator)
            )
        }
    }

    func colour(x: Double, y: Double) -> (Double, Double, Double) {
        let sum = waves.reduce(0) { $0 + sin($1.x * x + $1.y * y + $1.phase) }
        return (150 + 9 * sum, 160 + 8 * sum, 140 + 10 * sum)
    }
}
