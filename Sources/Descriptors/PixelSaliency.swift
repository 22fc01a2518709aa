import Images

/// Saliency, brought from patches to a picture's pixels.
public struct PixelSaliency: Sendable {
    private let values: [Float]
    private let geometry: DescriptorGrid.Geometry

    /// - Precondition: the map is on the geometry's grid.
    public init(_ map: SaliencyMap, geometry: DescriptorGrid.Geometry) {
        precondition(
            map.values.shape == [geometry.grid.rows, geometry.grid.columns],
            "PixelSaliency: a map \(map.values.shape) on the grid "
                + "\(geometry.grid.rows)x\(geometry.grid.columns)")
        values = map.values.elements
        self.geometry = geometry
    }

    public var width: Int { geometry.photoWidth }
    public var height: Int { geometry.photoHeight }

    /// Each pixel's value, row by row, bilinear between the centres of the patches. Complexity: O(pixels).
    public func pixels() -> [Float] {
        let grid = geometry.grid
        return (0..<height * width).map { at in
            let (row, column) = at.quotientAndRemainder(dividingBy: width)
            let place = geometry.place(of: Point(x: Double(column) + 0.5, y: Double(row) + 0.5))
            let (left, top) = (Int(place.x), Int(place.y))
            let right = min(left + 1, grid.columns - 1)
            func along(_ row: Int) -> Float {
                let start = row * grid.columns
                return values[start + left]
                    + Float(place.x - Double(left)) * (values[start + right] - values[start + left])
            }
            let upper = along(top)
            let lower = along(min(top + 1, grid.rows - 1))
            return upper + Float(place.y - Double(top)) * (lower - upper)
        }
    }

    /// The pixels that hold a share of the saliency, the most salient first; 60%: Caron et al. 2021,
    /// section 4.2.2. None where nothing is salient. Complexity: O(pixels log pixels).
    public func foreground(keeping share: Double = 0.6) -> [Bool] {
        foregrounds(keeping: [share])[0]
    }

    /// `foreground` for each of several shares, the pixels brought and put in order once.
    func foregrounds(keeping shares: [Double]) -> [[Bool]] {
        let pixels = pixels()
        let sorted = pixels.sorted(by: >)
        let total = pixels.reduce(0) { $0 + Double($1) }
        return shares.map { share in
            var sum = 0.0
            let last = sorted.first { value in
                sum += Double(value)
                return sum >= share * total
            }
            return pixels.map { $0 >= last ?? .infinity && $0 > 0 }
        }
    }
}

extension DescriptorGrid.Geometry {
    /// The cell whose centre is nearest to a place in the photo.
    package func cell(nearest place: Point) -> DescriptorGrid.Cell {
        let place = self.place(of: place)
        return DescriptorGrid.Cell(row: Int(place.y.rounded()), column: Int(place.x.rounded()))
    }

    /// Where a place in the photo lies among the centres of the cells: whole numbers at a centre.
    package func place(of place: Point) -> Point {
        func among(_ place: Double, _ image: Int, _ photo: Int, _ step: Int, _ count: Int) -> Double
        {
            let inImage = place * Double(image) / Double(photo)
            let cell = (inImage - Double(patchSize) / 2) / Double(step)
            return min(max(cell, 0), Double(count - 1))
        }
        return Point(
            x: among(place.x, imageWidth, photoWidth, stride.horizontal, grid.columns),
            y: among(place.y, imageHeight, photoHeight, stride.vertical, grid.rows))
    }
}
