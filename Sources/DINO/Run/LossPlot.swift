import Foundation
import Images

/// `loss.png`: the loss by step, each step's faint and the running mean strong, with the logarithm of the number of
/// outputs as the level of a DINO loss that learns nothing. Below it follow each objective's loss if there are
/// several, the teacher's entropy, and the rank of the features.
public struct LossPlot: Sendable {
    private let outputs: Int?
    private var steps: [Int] = []
    private var losses: [Float] = []
    private var parts: [ObjectiveName: [Float]] = [:]
    private var entropies: [Float] = []
    private var ranks: [Float] = []

    /// Creates an empty plot.
    ///
    /// - Parameter outputs: the number of the head's outputs, K; nil if no objective uses prototypes.
    public init(outputs: Int?) {
        self.outputs = outputs
    }

    /// Adds a step. Steps must be added in order.
    public mutating func add(_ record: TrainingRecord) {
        for name in record.losses.keys where parts[name] == nil {
            parts[name] = Array(repeating: .nan, count: steps.count)
        }
        for name in parts.keys { parts[name]?.append(Float(record.losses[name] ?? .nan)) }
        steps.append(record.step)
        losses.append(Float(record.loss))
        entropies.append(Float(record.teacherEntropy))
        ranks.append(Float(record.rank))
    }

    /// The last step added; 0 before the first.
    var lastStep: Int { steps.last ?? 0 }

    /// One chart.
    private struct Panel {
        var title: String
        var values: [Float]
        var height = 140
        var range: ClosedRange<Double>
        var level: (value: Double, label: String)?
        var colour: Colour
        var faint: Colour
    }

    /// Draws the plot, 1200 pixels wide; 980 high for DINO alone.
    ///
    /// - Complexity: O(steps).
    public func image() -> Image {
        let panels = panels
        let height = panels.reduce(0) { $0 + $1.height + 70 } + 60
        var image = Image(width: 1200, height: height)
        var y = 50
        for (index, panel) in panels.enumerated() {
            draw(
                panel, in: Box(x: 110, y: y, width: 980, height: panel.height), on: &image,
                isLast: index == panels.count - 1)
            y += panel.height + 70
        }
        return image
    }

    private var panels: [Panel] {
        let level = outputs.map { outputs in
            let limit = log(Double(outputs))
            return (value: limit, label: "ln \(outputs) = \(String(format: "%.2f", limit))")
        }
        let (blue, paleBlue) = (Colour(0x1F77B4), Colour(0xBFDBEE))
        // The level does not apply to a sum of objectives.
        let isAlone = parts.count < 2
        var panels = [
            Panel(
                title: "loss", values: losses, height: 430,
                range: Self.range(of: losses, including: isAlone ? level?.value : nil),
                level: isAlone ? level : nil, colour: blue, faint: paleBlue)
        ]
        for name in ObjectiveName.allCases where !isAlone {
            guard let values = parts[name] else { continue }
            let own = name == .dino ? level : nil
            panels.append(
                Panel(
                    title: name.title, values: values,
                    range: Self.range(of: values, including: own?.value), level: own,
                    colour: blue, faint: paleBlue))
        }
        if let limit = level?.value {
            panels.append(
                Panel(
                    title: "entropy of the teacher's outputs", values: entropies,
                    range: 0...max(limit * 1.05, 1e-3), level: (limit, ""),
                    colour: Colour(0xE6740A), faint: Colour(0xFBDDBF)))
        }
        let most = Double(ranks.filter(\.isFinite).max() ?? 1)
        panels.append(
            Panel(
                title: "effective rank of the features", values: ranks,
                range: 0...max(most * 1.1, 2), level: nil, colour: Colour(0x2C8A2C),
                faint: Colour(0xC9E6C9)))
        return panels
    }

    private func draw(_ panel: Panel, in box: Box, on image: inout Image, isLast: Bool) {
        let first = Double(steps.first ?? 1)
        let chart = Chart(
            box: box, xRange: first...max(Double(steps.last ?? 1), first + 1), yRange: panel.range)
        chart.drawAxes(on: &image, title: panel.title, xLabels: isLast)
        if isLast {
            image.drawText(
                "step", x: box.x + box.width - Image.textSize("step").width,
                y: box.y + box.height + 44, colour: Colour(0x333333))
        }
        if let level = panel.level {
            chart.drawLevel(level.value, label: level.label, on: &image)
        }
        let smooth = smoothed(panel.values)
        // A band if a column of pixels covers several steps; with one or two it would be dots.
        if panel.values.count > 4 * box.width {
            chart.drawBand(columns(of: panel.values, in: chart), colour: panel.faint, on: &image)
        } else {
            let points = zip(steps, panel.values).map { (x: Double($0), y: Double($1)) }
            chart.drawCurve(points, thickness: 1.5, colour: panel.faint, on: &image)
        }
        chart.drawCurve(smooth, thickness: 3, colour: panel.colour, on: &image)
        guard let end = smooth.last, end.y.isFinite else { return }
        let at = chart.point(end.x, end.y)
        image.drawDisc(at: at, radius: 4, colour: panel.colour)
        image.drawText(
            String(format: end.y < 100 ? "%.3g" : "%.0f", end.y), x: Int(at.x) + 12,
            y: Int(at.y) - 7, colour: panel.colour)
    }

    /// The running mean over a twentieth of the steps, at no more points than can be distinguished.
    private func smoothed(_ values: [Float]) -> [(x: Double, y: Double)] {
        let reach = values.count / 40
        var sums = [0.0]
        var counts = [0]
        for value in values {
            sums.append(sums[sums.count - 1] + (value.isFinite ? Double(value) : 0))
            counts.append(counts[counts.count - 1] + (value.isFinite ? 1 : 0))
        }
        let spacing = max(1, values.count / 500)
        var places = Array(stride(from: 0, to: values.count, by: spacing))
        if let last = values.indices.last, places.last != last { places.append(last) }
        return places.map { place in
            let (low, high) = (max(0, place - reach), min(place + reach + 1, values.count))
            let count = counts[high] - counts[low]
            return (
                Double(steps[place]),
                count > 0 ? (sums[high] - sums[low]) / Double(count) : .nan
            )
        }
    }

    /// The lowest and the highest value in each column of pixels.
    private func columns(of values: [Float], in chart: Chart) -> [(low: Double, high: Double)] {
        var columns = [(low: Double, high: Double)](
            repeating: (.infinity, -.infinity), count: chart.box.width + 1)
        for (step, value) in zip(steps, values) where value.isFinite {
            let column = Int(chart.point(Double(step), 0).x) - chart.box.x
            columns[column].low = min(columns[column].low, Double(value))
            columns[column].high = max(columns[column].high, Double(value))
        }
        return columns
    }

    /// The range of values with a margin; the outermost hundredth on each side may be cut off.
    private static func range(
        of values: [Float], including level: Double?
    ) -> ClosedRange<Double> {
        let sorted = values.filter(\.isFinite).sorted()
        let skipped = sorted.count / 100
        let seen = sorted.isEmpty ? [] : [sorted[skipped], sorted[sorted.count - 1 - skipped]]
        let ends = seen.map { Double($0) } + (level.map { [$0] } ?? [])
        let (low, high) = (ends.min() ?? 0, ends.max() ?? 0)
        let margin = max((high - low) * 0.06, 0.02)
        return low - margin...high + margin
    }
}
