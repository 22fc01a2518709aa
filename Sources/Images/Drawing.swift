import Platform

/// A position in a picture, in pixels from its left and its upper edge. The centre of the first pixel is (0.5, 0.5).
public struct Point: Sendable, Hashable, Codable {
    /// Pixels from the left edge.
    public var x: Double
    /// Pixels from the upper edge.
    public var y: Double

    /// Creates a position.
    public init(x: Double, y: Double) {
        self.x = x
        self.y = y
    }
}

extension Image {
    /// Draws a filled disc with smooth edges, with a ring around it if `ring` is given, clipped to the picture.
    ///
    /// - Parameters:
    ///   - centre: the centre of the disc.
    ///   - radius: in pixels, without the ring.
    ///   - colour: the colour of the disc.
    ///   - ring: the colour of the ring.
    ///   - ringWidth: in pixels.
    /// - Precondition: all numbers are finite; `radius` and `ringWidth` are at least 0.
    /// - Complexity: O(radius^2).
    public mutating func drawDisc(
        at centre: Point, radius: Double, colour: Colour, ring: Colour? = nil,
        ringWidth: Double = 1.5
    ) {
        require(
            radius >= 0 && ringWidth >= 0 && (centre.x + centre.y + radius + ringWidth).isFinite,
            "drawDisc: radius \(radius), ring \(ringWidth) at (\(centre.x), \(centre.y))")
        if let ring {
            drawCapsule(from: centre, to: centre, radius: radius + ringWidth, colour: ring)
        }
        drawCapsule(from: centre, to: centre, radius: radius, colour: colour)
    }

    /// Draws a straight line with smooth edges and round ends, clipped to the picture.
    ///
    /// - Parameters:
    ///   - start: one end of the line.
    ///   - end: the other end.
    ///   - thickness: in pixels. A line thinner than one pixel is drawn fainter instead.
    ///   - colour: the colour of the line.
    /// - Precondition: all numbers are finite; `thickness` is at least 0.
    /// - Complexity: O(pixels of the line + rows that it crosses).
    public mutating func drawLine(
        from start: Point, to end: Point, thickness: Double, colour: Colour
    ) {
        require(
            thickness >= 0 && (start.x + start.y + end.x + end.y + thickness).isFinite,
            "drawLine: (\(start.x), \(start.y)) to (\(end.x), \(end.y)), thickness \(thickness)")
        drawCapsule(from: start, to: end, radius: thickness / 2, colour: colour)
    }

    /// Paints the pixels within `radius` of a line; a disc if the ends coincide.
    ///
    /// A pixel's coverage rises linearly from 0, where its centre is half a pixel outside, to 1, where it is half a
    /// pixel inside: exact for a straight edge along the pixels.
    private mutating func drawCapsule(
        from start: Point, to end: Point, radius: Double, colour: Colour
    ) {
        let along = Point(x: end.x - start.x, y: end.y - start.y)
        let square = along.x * along.x + along.y * along.y
        let reach = radius + 0.5
        let most = min(1, 2 * radius)
        let rows = pixelRange(min(start.y, end.y) - reach, max(start.y, end.y) + reach, height)
        for row in rows {
            let y = Double(row) + 0.5 - start.y
            var left = min(start.x, end.x) - reach
            var right = max(start.x, end.x) + reach
            if along.y != 0 {
                // The columns where the infinite line is within reach of this row.
                let middle = start.x + along.x * y / along.y
                let spread = reach * square.squareRoot() / abs(along.y)
                left = max(left, middle - spread)
                right = min(right, middle + spread)
            }
            let columns = pixelRange(left, right, width)
            paint(colour, columns: columns, rows: row..<row + 1) { column, _ in
                let x = Double(column) + 0.5 - start.x
                let part =
                    square > 0 ? min(max((x * along.x + y * along.y) / square, 0), 1) : 0
                let dx = x - part * along.x
                let dy = y - part * along.y
                return min(max(reach - (dx * dx + dy * dy).squareRoot(), 0), most)
            }
        }
    }

    /// Mixes `colour` into the pixels according to the coverage (0...1) of each.
    @inline(__always)
    mutating func paint(
        _ colour: Colour, columns: Range<Int>, rows: Range<Int>,
        coverage: (_ column: Int, _ row: Int) -> Double
    ) {
        let width = width
        pixels.withUnsafeMutableBufferPointer { samples in
            for row in rows {
                for column in columns {
                    let part = coverage(column, row)
                    if part <= 0 { continue }
                    let mix = Mix(part)
                    let at = (row * width + column) * 3
                    samples[at] = mix(samples[at], colour.red)
                    samples[at + 1] = mix(samples[at + 1], colour.green)
                    samples[at + 2] = mix(samples[at + 2], colour.blue)
                }
            }
        }
    }
}

/// The pixels of 0..<count that the interval from `low` to `high` touches.
private func pixelRange(_ low: Double, _ high: Double, _ count: Int) -> Range<Int> {
    let first = min(max(low.rounded(.down), 0), Double(count))
    let last = min(max(high.rounded(.up), first), Double(count))
    return Int(first)..<Int(last)
}
