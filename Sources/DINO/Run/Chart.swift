import Foundation
import Images
import Platform

/// A panel of a plot: its area in the picture, and the ranges of its axes.
struct Chart {
    /// The plotting area.
    let box: Box
    let xRange: ClosedRange<Double>
    let yRange: ClosedRange<Double>

    private static let ink = Colour(0x333333)
    private static let gridColour = Colour(0xE6E6E6)

    /// The position of a value in pixels; values outside the ranges are clamped to the edge.
    func point(_ x: Double, _ y: Double) -> Point {
        func part(_ value: Double, _ range: ClosedRange<Double>) -> Double {
            let part = (value - range.lowerBound) / (range.upperBound - range.lowerBound)
            return min(max(part, 0), 1)
        }
        return Point(
            x: Double(box.x) + part(x, xRange) * Double(box.width),
            y: Double(box.y) + (1 - part(y, yRange)) * Double(box.height))
    }

    /// Draws the title, the axes, and labelled grid lines at round values.
    func drawAxes(on image: inout Image, title: String, xLabels: Bool) {
        let xTicks = Ticks(in: xRange, most: 8, isWhole: true)
        for value in xTicks.values {
            let at = point(value, yRange.lowerBound)
            image.drawLine(
                from: Point(x: at.x, y: Double(box.y)), to: at, thickness: 1,
                colour: Chart.gridColour)
            guard xLabels else { continue }
            let label = xTicks.label(value)
            image.drawText(
                label, x: Int(at.x) - Image.textSize(label).width / 2,
                y: box.y + box.height + 12, colour: Chart.ink)
        }
        let yTicks = Ticks(in: yRange, most: max(3, box.height / 60))
        for value in yTicks.values {
            let at = point(xRange.lowerBound, value)
            image.drawLine(
                from: at, to: Point(x: Double(box.x + box.width), y: at.y), thickness: 1,
                colour: Chart.gridColour)
            let label = yTicks.label(value)
            let size = Image.textSize(label)
            image.drawText(
                label, x: box.x - 12 - size.width, y: Int(at.y) - size.height / 2,
                colour: Chart.ink)
        }
        let low = Point(x: Double(box.x), y: Double(box.y + box.height))
        image.drawLine(
            from: low, to: Point(x: Double(box.x + box.width), y: low.y), thickness: 1.5,
            colour: Chart.ink)
        image.drawLine(
            from: low, to: Point(x: low.x, y: Double(box.y)), thickness: 1.5, colour: Chart.ink)
        image.drawText(title, x: box.x, y: box.y - 26, colour: Chart.ink)
    }

    /// Draws a dashed horizontal line, labelled at its right end.
    func drawLevel(_ y: Double, label: String, on image: inout Image) {
        let (left, right) = (point(xRange.lowerBound, y), box.x + box.width)
        for x in stride(from: box.x, to: right, by: 14) {
            image.drawLine(
                from: Point(x: Double(x), y: left.y),
                to: Point(x: Double(min(x + 8, right)), y: left.y), thickness: 1.5,
                colour: Colour(0x888888))
        }
        let size = Image.textSize(label)
        // Below the line where there is no room above it.
        let above = Int(left.y) - size.height - 6
        image.drawText(
            label, x: right - size.width - 6, y: above < box.y ? Int(left.y) + 7 : above,
            colour: Colour(0x888888), halo: .white)
    }

    /// Draws a line through points. Non-finite values leave a gap.
    func drawCurve(
        _ points: [(x: Double, y: Double)], thickness: Double, colour: Colour,
        on image: inout Image
    ) {
        var last: Point?
        for (x, y) in points {
            guard y.isFinite else {
                last = nil
                continue
            }
            let next = point(x, y)
            image.drawLine(from: last ?? next, to: next, thickness: thickness, colour: colour)
            last = next
        }
    }

    /// Fills the range of values in each column of pixels.
    func drawBand(
        _ columns: [(low: Double, high: Double)], colour: Colour, on image: inout Image
    ) {
        for (column, (low, high)) in columns.enumerated() where low.isFinite && high.isFinite {
            let top = Int(point(xRange.lowerBound, high).y)
            let bottom = Int(point(xRange.lowerBound, low).y)
            image.fill(
                Box(x: box.x + column, y: top, width: 1, height: bottom - top + 1), with: colour)
        }
    }
}

/// Round values for an axis: steps of 1, 2 or 5 times a power of ten.
struct Ticks {
    let values: [Double]
    private let decimals: Int

    /// - Parameters:
    ///   - most: the approximate maximum number of ticks.
    ///   - isWhole: whether to use integers only.
    init(in range: ClosedRange<Double>, most: Int, isWhole: Bool = false) {
        let least = (range.upperBound - range.lowerBound) / Double(most)
        let power = pow(10, floor(log10(least)))
        let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= least * (1 - 1e-9) } ?? least
        let spacing = isWhole ? max(step.rounded(), 1) : step
        decimals = max(0, -Int(floor(log10(spacing) + 1e-9)))
        let first = (range.lowerBound / spacing - 1e-9).rounded(.up)
        let last = (range.upperBound / spacing + 1e-9).rounded(.down)
        values = first > last ? [] : stride(from: first, through: last, by: 1).map { $0 * spacing }
    }

    /// Formats a value; integers of more than three digits are grouped by commas.
    func label(_ value: Double) -> String {
        // Such as the loss of a diverging training.
        guard abs(value) < 1e15 else { return String(format: "%.3g", value) }
        guard decimals == 0 else { return String(format: "%.\(decimals)f", value) }
        return Int(value.rounded()).grouped
    }
}
